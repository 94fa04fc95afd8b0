"""The form of buckets."""

from django import forms
from django.utils.translation import gettext_lazy

from functions.forms.base import Form

# What S3 takes, without what looks like an address of the network.
NAMES = r"(?![\d.]+$)(?!.*\.\.)[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]"


NAMED = gettext_lazy(
    "Use 3–63 lowercase letters, digits, “-” or “.”. "
    "Start and end with a letter or digit."
)


class BucketForm(Form):
    """The name of a new bucket."""

    name = forms.RegexField(
        rf"\A{NAMES}\Z",
        label=gettext_lazy("Bucket name"),
        max_length=63,
        help_text=NAMED,
        error_messages={"invalid": NAMED, "required": NAMED},
    )
