"""The form of a test event."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from functions import json_errors, names
from functions.forms.base import Form
from functions.models import Function, TestEvent
from functions.models.test_event import MAX_BYTES, MAX_PER_FUNCTION


class EventForm(Form):
    """A test event: a name and JSON of at most 256 KB."""

    name = forms.CharField(
        label=gettext_lazy("Event name"),
        validators=[names.event_name],
        max_length=25,
    )
    content = forms.CharField(
        label=gettext_lazy("Event data"),
        widget=forms.Textarea(attrs={"spellcheck": "false"}),
        strip=False,
        error_messages={"required": gettext_lazy("Write the event as JSON.")},
    )

    def __init__(
        self,
        *args: Any,
        function: Function,
        event: TestEvent | None = None,
        **kwargs: Any,
    ) -> None:
        if event is not None:
            kwargs.setdefault("initial", {"name": event.name, "content": event.text})
        super().__init__(*args, **kwargs)
        self._function = function
        self._event = event

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = TestEvent.objects.filter(function=self._function)
        if self._event is not None:
            others = others.exclude(pk=self._event.pk)
        if others.filter(name=name).exists():
            raise ValidationError(
                _("Test event %(name)s already exists. Choose another name."),
                code="taken",
                params={"name": name},
            )
        return name

    def clean_content(self) -> str:
        content: str = self.cleaned_data["content"].replace("\r\n", "\n")
        if len(content.encode("utf-8", "replace")) > MAX_BYTES:
            raise ValidationError(
                _("The event is over 256 KB. Shorten it."), code="large"
            )
        try:
            json.loads(content)
            content.encode()
        except (RecursionError, ValueError) as error:
            raise ValidationError(json_errors.describe(error)) from error
        return content

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        count = TestEvent.objects.filter(function=self._function).count()
        if self._event is None and count >= MAX_PER_FUNCTION:
            raise ValidationError(
                _("A function can have 10 test events. Delete one first."), code="limit"
            )
        return cleaned

    def save(self) -> TestEvent:
        """Store the valid event, new or changed."""
        event = self._event or TestEvent(function=self._function)
        event.name = self.cleaned_data["name"]
        event.content = self.cleaned_data["content"].encode()
        event.save()
        return event
