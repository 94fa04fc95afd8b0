"""The form behind the async configuration dialog."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from asyncconfig import graph
from asyncconfig.config import saving
from asyncconfig.config.saving import Examined
from asyncconfig.decisions import loops
from asyncconfig.decisions.loops import Verdict
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import ParamForm
from asyncconfig.models import AsyncConfig
from asyncconfig.models.config import (
    DEFAULT_AGE_SECONDS,
    DEFAULT_RETRIES,
    MAX_AGE_SECONDS,
    MAX_RETRIES,
)
from asyncconfig.wanted import NOBODY, Destined, Wanted
from functions.forms.base import Form, whole_number
from functions.models import Version

RETRIES_RANGE = gettext_lazy("Enter a whole number from 0 to 3.")
AGE_RANGE = gettext_lazy("Enter a whole number from 1 to 86400 (24 hours).")


class PolicyForm(Form):
    """How often a request is tried, and for how long; validity in seconds."""

    max_retries = whole_number(
        gettext_lazy("Max. retries"), RETRIES_RANGE, low=0, high=MAX_RETRIES
    )
    max_age_seconds = whole_number(
        gettext_lazy("Max. validity period (s)"),
        AGE_RANGE,
        low=1,
        high=MAX_AGE_SECONDS,
    )
    record_status = forms.BooleanField(
        label=gettext_lazy("Record invocation status"), required=False
    )


class AsyncConfigForm(PolicyForm):
    """Retries, validity and destinations of one version.

    The parameters of a destination are a form of their own, under the prefix of
    its side; their errors count as this form's. A loop is refused until the
    digest of exactly its path comes back in `accepted_loop`. With `fresh` the
    services are asked about the targets whatever they said just now.
    """

    success_kind = forms.CharField(required=False)
    failure_kind = forms.CharField(required=False)
    accepted_loop = forms.CharField(required=False)
    revision = forms.IntegerField(required=False, min_value=0)

    def __init__(
        self,
        data: Any = None,
        *,
        version: Version,
        config: AsyncConfig | None = None,
        fresh: bool = False,
    ) -> None:
        super().__init__(data, initial=_initial(config, version), prefix=None)
        self.version = version
        self.fresh = fresh
        self.examined = dict.fromkeys(Side, Examined())
        self.config = config
        self.params = {side: self._param_form(side) for side in Side}
        self.paths: list[loops.Path] = []

    def kind_of(self, side: Side) -> str:
        """Return the kind that is chosen now, in the data or as stored."""
        name = f"{side}_kind"
        if self.is_bound:
            return str(self.data.get(name) or "")
        return str(self.initial.get(name) or "")

    def _param_form(self, side: Side) -> ParamForm | None:
        destination = KINDS.get(self.kind_of(side))
        if destination is None:
            return None
        if self.is_bound:
            return destination.form(self.version, data=self.data, prefix=side)
        initial = self.initial[f"{side}_param"]
        return destination.form(self.version, initial=initial, prefix=side)

    def is_valid(self) -> bool:
        own = super().is_valid()
        return own and all(form.is_valid() for form in self.params.values() if form)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for side in Side:
            cleaned[side] = self._destined(side)
        self._check_loops(cleaned)
        return cleaned

    def _destined(self, side: Side) -> Destined:
        kind = self.cleaned_data.get(f"{side}_kind") or ""
        if not kind:
            return NOBODY
        form = self.params[side]
        if form is not None and not form.is_valid():
            return self._unreadable(side, kind)
        param = form.param() if form else ""
        examined = saving.examine(self.version, side, kind, param, fresh=self.fresh)
        return self._take(side, examined)

    def _unreadable(self, side: Side, kind: str) -> Destined:
        """Say what can be said of a side whose parameters are wrong."""
        return self._take(side, saving.examine_kind(self.version, side, kind))

    def _take(self, side: Side, examined: Examined) -> Destined:
        self.examined[side] = examined
        for problem in examined.problems:
            self.add_error(f"{side}_kind", problem)
        return examined.destined

    def _check_loops(self, cleaned: dict[str, Any]) -> None:
        wanted = Wanted(
            on_success=cleaned[Side.SUCCESS], on_failure=cleaned[Side.FAILURE]
        )
        self.paths = graph.loops_of(self.version, wanted)
        match graph.judge(self.paths, accepted=cleaned.get("accepted_loop") or ""):
            case Verdict.NO_LOOP:
                cleaned["accepted_loop"] = ""
            case Verdict.REFUSED:
                self._refuse(_("Loops are not allowed here. Choose another target."))
            case Verdict.TO_ACCEPT:
                self._refuse(
                    _("Accept the loop shown under Checks, or choose another target.")
                )

    def _refuse(self, sentence: str) -> None:
        self.add_error(None, ValidationError(sentence, code="loop"))

    @property
    def loop_digest(self) -> str:
        return loops.digest(self.paths)

    def wanted(self) -> Wanted:
        """Return the valid form as a configuration."""
        cleaned = self.cleaned_data
        return Wanted(
            max_retries=cleaned["max_retries"],
            max_age_seconds=cleaned["max_age_seconds"],
            record_status=cleaned["record_status"],
            on_success=cleaned[Side.SUCCESS],
            on_failure=cleaned[Side.FAILURE],
            accepted_loop=cleaned["accepted_loop"],
        )


def _initial(config: AsyncConfig | None, version: Version) -> dict[str, Any]:
    initial: dict[str, Any] = {
        "max_retries": DEFAULT_RETRIES,
        "max_age_seconds": DEFAULT_AGE_SECONDS,
        "record_status": False,
        "revision": saving.revision_of(version),
        "success_param": {},
        "failure_param": {},
    }
    if config is None:
        return initial
    initial |= {
        "max_retries": config.max_retries,
        "max_age_seconds": config.max_age_seconds,
        "record_status": config.record_status,
        "accepted_loop": config.accepted_loop,
    }
    for side in Side:
        chosen = config.destination(side)
        initial[f"{side}_kind"] = chosen.kind
        initial[f"{side}_param"] = _param_initial(chosen.kind, chosen.param, version)
    return initial


def _param_initial(kind: str, param: str, version: Version) -> dict[str, str]:
    destination = KINDS.get(kind)
    if destination is None:
        return {}
    try:
        return destination.initial(param, version)
    except ValidationError:
        return {}
