"""The forms of versions and aliases."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from functions import names
from functions.aliases import Split
from functions.forms.base import Form, whole_number
from functions.models import Function, Version

PERCENT = gettext_lazy("Enter a whole number from 0 to 100.")


class VersionForm(Form):
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


class AliasForm(Form):
    """An alias, the version it points at, and one that gets a share of the calls."""

    name = forms.CharField(
        label=gettext_lazy("Alias"),
        validators=[names.alias_name],
        max_length=63,
    )
    version = forms.ModelChoiceField(
        Version.objects.none(), label=gettext_lazy("Version"), to_field_name="name"
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=512
    )
    additional = forms.ModelChoiceField(
        Version.objects.none(),
        label=gettext_lazy("Additional version"),
        required=False,
        to_field_name="name",
        empty_label=gettext_lazy("None"),
        help_text=gettext_lazy("Gets a share of the calls, for a gradual release."),
    )
    weight = whole_number(
        gettext_lazy("Its share (%)"), PERCENT, low=0, high=100, required=False
    )

    def __init__(self, *args: Any, function: Function, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = Version.objects.alive().filter(function=function).order_by("-pk")
        for name in ("version", "additional"):
            field = self.fields[name]
            field.queryset = versions  # type: ignore[attr-defined]
            field.label_from_instance = lambda version: version.name  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        additional, weight = cleaned.get("additional"), cleaned.get("weight")
        if additional and weight is None and "weight" not in self.errors:
            self.add_error("weight", PERCENT)
        return cleaned

    def split(self) -> Split:
        """Return which calls the valid form sends to the additional version."""
        additional = self.cleaned_data["additional"]
        if additional is None:
            return Split()
        return Split(weights={additional.name: self.cleaned_data["weight"]})
