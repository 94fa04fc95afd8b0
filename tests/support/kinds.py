"""Kinds of destinations that exist in tests only, to see that any kind would do."""

import json

from django import forms
from django.core.exceptions import ValidationError

from asyncconfig.destinations.base import Destination, ParamForm
from asyncconfig.exceptions import DeliveryError
from asyncconfig.receipt import Receipt
from asyncconfig.wanted import Target

PUT = "box:object:put"
SEND = "rocket:message:send"


class BoxForm(ParamForm):
    box = forms.ChoiceField(
        label="Target box",
        choices=[("", "–"), ("red", "red"), ("blue", "blue")],
        error_messages={
            "required": "Choose a box.",
            "invalid_choice": "Box %(value)s does not exist.",
        },
    )
    prefix = forms.CharField(label="Prefix", required=False, help_text="No “..”.")
    days = forms.IntegerField(label="Days", min_value=0, max_value=365, initial=0)

    def clean_prefix(self):
        if ".." in self.cleaned_data["prefix"]:
            raise ValidationError("The prefix can't contain “..”.")
        return self.cleaned_data["prefix"]

    def param(self):
        return json.dumps(self.cleaned_data)

    def note(self):
        return f"Example: {self['box'].value()}/{self['prefix'].value()}/1.json"


class Box(Destination):
    """Remembers what it was sent; does or raises what a test sets."""

    kind = "Box"
    label = "Box service"
    action = PUT

    def __init__(self, *, warning="", verify=None, send=None, warnings=()):
        self.sent = []
        self.verified = []
        self.warning = warning
        self.warnings = warnings
        self.verify_error = verify
        self.send_error = send

    def form(self, version, **kwargs):
        return BoxForm(**kwargs)

    def initial(self, param, version):
        return json.loads(param)

    def read(self, param, version):
        try:
            chosen = json.loads(param)
            box, prefix = chosen["box"], chosen.get("prefix", "")
        except (ValueError, KeyError, TypeError) as error:
            raise ValidationError("Choose a box.") from error
        if prefix == "far":
            raise ValidationError("No way leads there.", code="network")
        return Target(f"{box}/{prefix}", box, warnings=self.warnings)

    def verify(self, param, version):
        self.verified.append(param)
        if self.verify_error:
            raise ValidationError(self.verify_error)
        return self.warning

    def send(self, parcel):
        if self.send_error:
            raise self.send_error
        self.sent.append(parcel)
        return Receipt("Put as red/1.json.", "red/1.json")


class Rocket(Box):
    """A kind for failures only, in beta."""

    kind = "Rocket"
    label = "Rocket service"
    action = SEND
    sides = ("failure",)
    is_beta = True


def refused(sentence="The box refuses: forbidden.", *, permanent=True):
    return DeliveryError(sentence, permanent=permanent)
