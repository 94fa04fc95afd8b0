"""Forms about functions; their sentences are the API's as well."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from functions import names, starters
from functions.models import Agency, Function, Project, TestEvent, Version
from functions.models.test_event import MAX_BYTES, MAX_PER_FUNCTION
from functions.models.version import MEMORY_SIZES
from functions.runtime import available_runtimes

REQUIRED = gettext_lazy("Fill this in.")


class FunctionForm(forms.Form):
    """What a new function starts from."""

    name = forms.CharField(
        label=gettext_lazy("Function name"),
        validators=[names.function_name],
        max_length=60,
        help_text=gettext_lazy(
            "1–60 letters, digits, “-” or “_”; starts with a letter."
        ),
        error_messages={"required": REQUIRED},
    )
    runtime = forms.ChoiceField(label=gettext_lazy("Runtime"))
    handler = forms.CharField(
        label=gettext_lazy("Handler"),
        validators=[names.handler_name],
        initial="index.handler",
        max_length=128,
        help_text=gettext_lazy("file.function"),
    )
    agency = forms.ModelChoiceField(
        Agency.objects.none(),
        label=gettext_lazy("Agency"),
        required=False,
        empty_label=gettext_lazy("No agency"),
        help_text=gettext_lazy("In whose name the function reaches other services."),
    )
    starter = forms.ChoiceField(
        label=gettext_lazy("Starter template"), choices=starters.choices
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project = project
        runtimes = available_runtimes()
        self.fields["runtime"].choices = [  # type: ignore[attr-defined]
            (name, name) for name in runtimes
        ]
        agencies = Agency.objects.filter(project=project).order_by("pk")
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]
        self.fields["agency"].initial = agencies.first()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        functions = Function.objects.in_project(self._project)
        if functions.filter(package="default", name=name).exists():
            raise ValidationError(
                _("Function %(name)s exists already. Choose another name."),
                code="taken",
                params={"name": name},
            )
        return name


class GeneralForm(forms.Form):
    """The settings of latest; times are seconds, memory is MB."""

    handler = forms.CharField(
        label=gettext_lazy("Handler"),
        validators=[names.handler_name],
        max_length=128,
        help_text=gettext_lazy("file.function"),
    )
    timeout = forms.IntegerField(
        label=gettext_lazy("Execution timeout (s)"),
        min_value=3,
        max_value=259_200,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            gettext_lazy("Enter a whole number from 3 to 259200."),
        ),
    )
    memory_size = forms.TypedChoiceField(
        label=gettext_lazy("Memory (MB)"),
        coerce=int,
        choices=[(size, size) for size in MEMORY_SIZES],
    )
    agency = forms.ModelChoiceField(
        Agency.objects.none(),
        label=gettext_lazy("Agency"),
        required=False,
        empty_label=gettext_lazy("No agency"),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=512
    )
    user_data = forms.CharField(
        label=gettext_lazy("Environment variables"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "A JSON object of strings, at most 20 and 4,096 characters in all."
        ),
    )

    def __init__(self, *args: Any, version: Version, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "handler": version.handler,
            "timeout": version.timeout,
            "memory_size": version.memory_size,
            "agency": version.agency,
            "description": version.description,
            "user_data": json.dumps(version.user_data, ensure_ascii=False, indent=2),
        }
        super().__init__(*args, **kwargs)
        agencies = Agency.objects.filter(project=version.function.project)
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]

    def clean_user_data(self) -> dict[str, str]:
        text = self.cleaned_data["user_data"] or "{}"
        try:
            data = json.loads(text)
        except ValueError as error:
            raise ValidationError(_("This is not a JSON object.")) from error
        if not isinstance(data, dict) or not all(
            isinstance(value, str) for value in data.values()
        ):
            raise ValidationError(
                _("Write a JSON object of strings, like {“key”: “value”}.")
            )
        if len(data) > 20 or len(text) > 4096:
            raise ValidationError(
                _("At most 20 variables and 4,096 characters are allowed.")
            )
        for key in data:
            if not names.environment_key.match(key):
                raise ValidationError(
                    _("%(key)s is not a name: use letters, digits and “_”.")
                    % {"key": key}
                )
        return dict(data)


class EventForm(forms.Form):
    """A test event: a name and JSON of at most 256 KB."""

    name = forms.CharField(
        label=gettext_lazy("Event name"),
        validators=[names.event_name],
        max_length=25,
        error_messages={"required": REQUIRED},
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
                _("Test event %(name)s exists already. Choose another name."),
                params={"name": name},
            )
        return name

    def clean_content(self) -> str:
        content: str = self.cleaned_data["content"].replace("\r\n", "\n")
        if len(content.encode("utf-8", "replace")) > MAX_BYTES:
            raise ValidationError(_("The event is over 256 KB. Shorten it."))
        try:
            json.loads(content)
            content.encode()
        except json.JSONDecodeError as error:
            raise ValidationError(
                _("Not valid JSON: line %(line)d, column %(col)d: %(reason)s."),
                params={
                    "line": error.lineno,
                    "col": error.colno,
                    "reason": error.msg,
                },
            ) from error
        except (RecursionError, ValueError) as error:
            raise ValidationError(
                _("The JSON is nested too deeply or holds too long a number.")
            ) from error
        return content

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        count = TestEvent.objects.filter(function=self._function).count()
        if self._event is None and count >= MAX_PER_FUNCTION:
            raise ValidationError(
                _("A function can have 10 test events. Delete one first.")
            )
        return cleaned

    def save(self) -> TestEvent:
        """Store the valid event, new or changed."""
        event = self._event or TestEvent(function=self._function)
        event.name = self.cleaned_data["name"]
        event.content = self.cleaned_data["content"].encode()
        event.save()
        return event


class VersionForm(forms.Form):
    """What a published version is called."""

    name = forms.CharField(
        label=gettext_lazy("Version"),
        validators=[names.version_name],
        required=False,
        max_length=42,
        help_text=gettext_lazy("Left empty, it is named after the time."),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=512
    )


class AliasForm(forms.Form):
    """An alias and the version it points at."""

    name = forms.CharField(
        label=gettext_lazy("Alias"),
        validators=[names.alias_name],
        max_length=63,
        error_messages={"required": REQUIRED},
    )
    version = forms.ModelChoiceField(
        Version.objects.none(), label=gettext_lazy("Version"), to_field_name="name"
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=512
    )

    def __init__(self, *args: Any, function: Function, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = Version.objects.alive().filter(function=function).order_by("-pk")
        field = self.fields["version"]
        field.queryset = versions  # type: ignore[attr-defined]
        field.label_from_instance = lambda version: version.name  # type: ignore[attr-defined]
