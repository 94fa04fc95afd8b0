"""What a kind of destination is."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from asyncconfig.decisions.sides import Side
from asyncconfig.models import Delivery
from asyncconfig.receipt import Receipt
from asyncconfig.wanted import Target
from functions import json_limits
from functions.forms.base import Form
from functions.models import Function, Version

MAX_PARAM_BYTES = 4096


def read_param(param: str, refusal: str | Promise, *, own: str = "") -> dict[str, Any]:
    """Read `param`: an object of JSON, at most 4 KB and 16 levels deep.

    Its texts hold no NUL and no half of a surrogate pair, but for that of the member
    `own`, of which the kind says more itself. Raises ValidationError, with the kind's
    own sentence, `refusal`, for anything but its size.
    """
    if len(param.encode("utf-8", "surrogatepass")) > MAX_PARAM_BYTES:
        raise ValidationError(
            _("The parameters are over 4 KB. Shorten them."), code="invalid"
        )
    try:
        parsed = json.loads(param)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict) or not json_limits.is_shallow(parsed):
        raise ValidationError(str(refusal), code="invalid")
    if not json_limits.can_be_kept({n: parsed[n] for n in parsed if n != own}):
        raise ValidationError(str(refusal), code="invalid")
    return parsed


@dataclass(frozen=True)
class Parcel:
    """A record on its way, and what its target may be told about it.

    `version` is in whose name it is sent. `delivery` is None for a probe, a marked
    record that no invocation owes.
    """

    parcel_id: UUID
    record: bytes
    param: str
    version: Version
    request_id: UUID
    accepted_at: datetime
    delivery: Delivery | None = None


@dataclass(frozen=True)
class Finding:
    """What a check of the dialog found, as a sentence."""

    sentence: str
    is_ok: bool


@dataclass(frozen=True)
class Option:
    """One entry of a field's list; `functions` are those it would start in the end."""

    value: str
    label: str
    functions: tuple[Function, ...] = ()


class ParamForm(Form):
    """The parameters of a destination, as the dialog asks for them.

    A field with a list of options is shown as one, and what was typed stays even
    when the list does not have it; whatever is chosen there, the form is built again,
    since other fields may depend on it.
    """

    def options(self, name: str) -> list[Option] | None:
        """Return a field's list without its empty entry; None where it has none."""
        choices = getattr(self.fields[name].widget, "choices", None)
        if choices is None:
            return None
        pairs = [(str(value), str(label)) for value, label in choices]
        return [Option(value, label) for value, label in pairs if value]

    def param(self) -> str:
        """Return the valid form as the API's `param` string."""
        raise NotImplementedError

    def note(self) -> str:
        """Return what stands below the fields for what is chosen so far, or ""."""
        return ""

    def findings(self) -> list[Finding]:
        """Return what further checks find for what is chosen so far."""
        return []


class Destination(ABC):
    """One kind of target. Nobody outside its module asks which kind it is.

    `kind` is the API's name, `sides` where it may be chosen, `action` what the
    function's agency must allow; `is_beta` marks a kind in public beta. What has
    arrived can be sent once more where `can_repeat` says so. `question` is asked
    before a test notification, where sending one does more than that.
    """

    kind: str
    label: str | Promise
    action: str
    sides: tuple[Side, ...] = tuple(Side)
    is_beta = False
    can_repeat = True
    question: str | Promise = ""

    def why_not(self, side: Side) -> str:
        """Return why the kind is not offered on a side, or "" where it is."""
        if side in self.sides:
            return ""
        if side == Side.SUCCESS:
            return _("%(kind)s can be chosen for failure notification only.") % {
                "kind": self.kind
            }
        return _("%(kind)s can be chosen for success notification only.") % {
            "kind": self.kind
        }

    @abstractmethod
    def form(self, version: Version, **kwargs: Any) -> ParamForm:
        """Return the form of the parameters, bound or not."""

    @abstractmethod
    def initial(self, param: str, version: Version) -> dict[str, Any]:
        """Return what the form shows for a stored `param`; may raise as `read`."""

    @abstractmethod
    def read(self, param: str, version: Version) -> Target:
        """Read `param` as the API gives it; raises ValidationError with sentences.

        Asks our own database at most; it is called when saving and again before
        each delivery, so it holds every rule that needs no network.
        """

    def verify(self, param: str, version: Version) -> str:
        """Ask the service whether the target is there, when saving.

        Returns a warning when that could not be found out, or "". Raises
        ValidationError when the target does not exist. Takes at most 3 s.
        """
        return ""

    def is_written_here(self, version: Version) -> bool:
        """Say whether sending is a write to our own database.

        It is then done in the transaction that settles the delivery, exactly once;
        anything else is sent from a slot, at least once.
        """
        return False

    @abstractmethod
    def send(self, parcel: Parcel) -> Receipt:
        """Deliver the record; raises DeliveryError, with time-outs set on all calls."""
