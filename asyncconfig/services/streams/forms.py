"""Forms of streams, for the pages and the API."""

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy

from asyncconfig.models.stream import MAX_PARTITIONS, NAME_FORM
from asyncconfig.services.streams import records
from functions.forms.base import Form, whole_number

NAME_RULE = gettext_lazy("Use 1–64 letters, digits, “-” or “_”.")
PARTITIONS_RULE = gettext_lazy("Enter a whole number from 1 to 50.")
HOURS_RULE = gettext_lazy("Enter a whole number from 24 to 168.")


class StreamForm(Form):
    """A new stream; hours are how long its records are kept."""

    name = forms.CharField(
        label=gettext_lazy("Stream name"),
        max_length=64,
        validators=[RegexValidator(NAME_FORM, NAME_RULE)],
        error_messages={"required": NAME_RULE, "max_length": NAME_RULE},
        help_text=NAME_RULE,
    )
    partitions = whole_number(
        gettext_lazy("Partitions"),
        PARTITIONS_RULE,
        low=1,
        high=MAX_PARTITIONS,
        initial=1,
    )
    retention_hours = whole_number(
        gettext_lazy("Kept for (hours)"), HOURS_RULE, low=24, high=168, initial=24
    )


class RecordForm(Form):
    """A test record; its key decides the partition."""

    content = forms.CharField(
        label=gettext_lazy("Record content"),
        strip=False,
        initial='{"test": true}',
        widget=forms.Textarea(
            attrs={"rows": 6, "class": "editor", "spellcheck": "false"}
        ),
        error_messages={"required": gettext_lazy("Enter what the record holds.")},
    )
    partition_key = forms.CharField(
        label=gettext_lazy("Partition key"),
        max_length=records.MAX_KEY_CHARACTERS,
        initial="test",
        error_messages={"required": gettext_lazy("Enter a partition key.")},
        help_text=gettext_lazy("Records with the same key go to the same partition."),
    )
