"""The forms of topics, for pages and API alike."""

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from asyncconfig.models import Subscription
from asyncconfig.services.topics import keeping
from asyncconfig.services.topics.keeping import (
    MAX_LIFE_SECONDS,
    MAX_MESSAGE_BYTES,
    MAX_SUBJECT_BYTES,
    USUAL_LIFE,
    Publication,
)
from asyncconfig.services.topics.subscribers import SUBSCRIBERS
from functions.forms.base import Form, whole_number
from functions.models import Project

NAME = gettext_lazy(
    "Use 1–255 letters, digits, “-” or “_”. Start with a letter or digit."
)
LIFE = gettext_lazy("Enter whole seconds from 1 to 86400.")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _check_bytes(text: str, most: int) -> str:
    """Return the text when its UTF-8 is at most `most` bytes."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValidationError(_("The text is not valid Unicode.")) from error
    if size > most:
        raise ValidationError(
            _("It is %(size)d bytes of UTF-8. The limit is %(most)d bytes.")
            % {"size": size, "most": most}
        )
    return text


def _one_line(text: str, most: int) -> str:
    if CONTROL.search(text):
        raise ValidationError(_("Write one line, without control characters."))
    return _check_bytes(text, most)


class TopicForm(Form):
    name = forms.RegexField(
        r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,254}\Z",
        label=pgettext_lazy("topic", "Name"),
        help_text=NAME,
        strip=False,
        error_messages={"invalid": NAME, "required": NAME},
    )
    display_name = forms.CharField(
        label=gettext_lazy("Display name"),
        required=False,
        help_text=gettext_lazy("The sender's name of e-mails. At most 192 bytes."),
    )

    def clean_display_name(self) -> str:
        return _one_line(self.cleaned_data["display_name"], 192)


class SubscriptionForm(Form):
    """Who is to receive a topic's messages; `endpoint` is cleaned to an Endpoint."""

    protocol = forms.ChoiceField(
        label=gettext_lazy("Protocol"),
        choices=Subscription.Protocol.choices,
        error_messages={
            "invalid_choice": gettext_lazy(
                "Choose one of http, https, email, functionstage."
            )
        },
    )
    endpoint = forms.CharField(
        label=gettext_lazy("Endpoint"),
        max_length=1024,
        help_text=gettext_lazy(
            "A URL, an e-mail address, or a function's name or URN."
        ),
        error_messages={"required": gettext_lazy("Write where messages are sent.")},
    )
    remark = forms.CharField(label=gettext_lazy("Remark"), required=False)
    accepted_loop = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project = project

    def clean_remark(self) -> str:
        return _one_line(self.cleaned_data["remark"], 128)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        protocol, endpoint = cleaned.get("protocol"), cleaned.get("endpoint")
        if protocol and endpoint:
            try:
                read = SUBSCRIBERS[protocol].read(endpoint, self._project)
                cleaned["endpoint"] = read
            except ValidationError as error:
                self.add_error("endpoint", error)
        return cleaned


class PublishForm(Form):
    """A message; `message_structure` holds JSON of texts by protocol and `default`."""

    subject = forms.CharField(label=gettext_lazy("Subject"), required=False)
    message = forms.CharField(
        label=gettext_lazy("Message"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    message_structure = forms.CharField(required=False, widget=forms.HiddenInput)
    time_to_live = whole_number(
        gettext_lazy("Time to live (s)"),
        LIFE,
        low=1,
        high=MAX_LIFE_SECONDS,
        required=False,
        help_text=gettext_lazy("How long delivery is attempted."),
    )

    def clean_subject(self) -> str:
        return _one_line(self.cleaned_data["subject"], MAX_SUBJECT_BYTES)

    def clean_message(self) -> str:
        return _check_bytes(self.cleaned_data["message"], MAX_MESSAGE_BYTES)

    def clean_message_structure(self) -> dict[str, str]:
        text = _check_bytes(self.cleaned_data["message_structure"], MAX_MESSAGE_BYTES)
        if not text:
            return {}
        try:
            bodies = json.loads(text)
        except (ValueError, RecursionError):
            bodies = None
        is_texts = isinstance(bodies, dict) and all(
            isinstance(body, str) for body in bodies.values()
        )
        if not is_texts or "default" not in bodies:
            raise ValidationError(
                _("Write a JSON object of texts by protocol, with a “default”.")
            )
        for name, body in bodies.items():
            _check_bytes(name + body.replace("\0", ""), MAX_MESSAGE_BYTES)
            if "\0" in name + body:
                raise ValidationError(_("The text holds a NUL character."))
        return dict(bodies)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        is_empty = not (cleaned.get("message") or cleaned.get("message_structure"))
        if is_empty and not self.errors:
            self.add_error("message", _("Write a message."))
        return cleaned

    def publication(self, attributes: dict[str, Any] | None = None) -> Publication:
        """Return the valid form as what `topics.publish` takes."""
        cleaned = self.cleaned_data
        structure = cleaned["message_structure"]
        return keeping.Publication(
            text=structure.get("default", "") if structure else cleaned["message"],
            subject=cleaned["subject"],
            structure=structure,
            attributes=attributes or {},
            life=cleaned["time_to_live"] or USUAL_LIFE,
        )
