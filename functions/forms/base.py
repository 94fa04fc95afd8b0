"""What every form here has in common: sentences of our own, in both languages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

Text = Any  # a text, or one that is translated when it is shown

REQUIRED = _("Fill this in.")
CHOOSE = _("Choose an entry from the list.")
# By the code of the error; a field of one of the classes says it like this.
SENTENCES: tuple[tuple[type[forms.Field], dict[str, Text]], ...] = (
    (forms.Field, {"required": REQUIRED}),
    (forms.ChoiceField, {"required": CHOOSE, "invalid_choice": CHOOSE}),
    (forms.MultipleChoiceField, {"invalid_list": CHOOSE}),
    (forms.ModelChoiceField, {"required": CHOOSE, "invalid_choice": CHOOSE}),
    (forms.IntegerField, {"invalid": _("Enter a whole number.")}),
)
# Errors of validators, which have no sentence at their field until it is given one.
LIMITS: dict[str, Text] = {
    "max_length": _("Use at most %(limit_value)d characters, not %(show_value)d."),
    "min_length": _("Use at least %(limit_value)d characters, not %(show_value)d."),
    "max_value": _("Enter at most %(limit_value)s."),
    "min_value": _("Enter at least %(limit_value)s."),
    "null_characters_not_allowed": _("The text holds a NUL character."),
}
OUT_OF_RANGE = ("required", "invalid", "min_value", "max_value")


class Form(forms.Form):
    """The base of all forms: what a field does not say itself is said in our words."""

    def full_clean(self) -> None:
        for field in self.fields.values():
            _speak(field)
        super().full_clean()


def _speak(field: forms.Field) -> None:
    """Replace Django's own sentences; those the field was given stay."""
    usual = _usual(type(field))
    for kind, sentences in SENTENCES:
        if isinstance(field, kind):
            for code, sentence in sentences.items():
                if field.error_messages.get(code) is usual.get(code):
                    field.error_messages[code] = usual[code] = sentence
    for code, sentence in LIMITS.items():
        field.error_messages.setdefault(code, sentence)


def _usual(kind: type[forms.Field]) -> dict[str, Any]:
    """Return what Django says for a field of that class."""
    messages: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        messages |= getattr(one, "default_error_messages", {})
    return messages


def whole_number(
    label: Text, sentence: Text, *, low: int, high: int, **fields: Any
) -> forms.IntegerField:
    """Return a field whose one sentence names its range, whatever is wrong."""
    messages: dict[str, Any] = dict.fromkeys(OUT_OF_RANGE, sentence)
    return forms.IntegerField(
        label=label,
        min_value=low,
        max_value=high,
        error_messages=messages,
        **fields,
    )


def whole(text: str, *, digits: int = 18) -> int | None:
    """Read a whole number that a stranger wrote; None for what is none.

    More than `digits` digits are none either: such a number fits no column.
    """
    is_one = text.isascii() and text.isdigit() and len(text) <= digits
    return int(text) if is_one else None
