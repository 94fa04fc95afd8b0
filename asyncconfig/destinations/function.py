"""Destination: another function, invoked asynchronously with the record."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from asyncconfig.destinations.base import (
    Destination,
    Option,
    ParamForm,
    Parcel,
    read_param,
)
from asyncconfig.exceptions import FunctionDisabled
from asyncconfig.invocations import accepting, starting
from asyncconfig.models.config import FUNCTION
from asyncconfig.receipt import Receipt
from asyncconfig.wanted import Target
from functions import names
from functions.exceptions import QualifierUnknown
from functions.models import Function, Version
from functions.models.agency import INVOKE_ASYNC
from functions.qualifiers import Resolved, qualifiers_of, resolve

CHOOSE = gettext_lazy("Choose a function.")


class FunctionTargetForm(ParamForm):
    """Which function (`name`, or `package/name`), and which version or alias."""

    function = forms.CharField(
        label=gettext_lazy("Function name"),
        max_length=130,
        error_messages={"required": CHOOSE},
    )
    qualifier = forms.CharField(
        label=gettext_lazy("Version/Alias"),
        max_length=64,
        initial=names.LATEST,
        error_messages={"required": gettext_lazy("Choose a version or alias.")},
    )

    def __init__(self, *args: Any, version: Version, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._version = version

    def options(self, name: str) -> list[Option] | None:
        """Return the project's functions, itself last; or the one's versions."""
        if name == "qualifier":
            return [Option(one, one) for one in self._qualifiers()]
        own = self._version.function
        functions = Function.objects.in_project(own.project).order_by("name")
        found = sorted(functions, key=lambda one: (one.pk == own.pk, one.shown_name))
        return [Option(one.shown_name, one.shown_name, (one,)) for one in found]

    def _qualifiers(self) -> list[str]:
        package, _slash, name = str(self["function"].value() or "").rpartition("/")
        functions = Function.objects.in_project(self._version.function.project)
        chosen = functions.filter(package=package or "default", name=name).first()
        return qualifiers_of(chosen) if chosen else [names.LATEST]

    def clean_function(self) -> Function:
        package, _slash, name = self.cleaned_data["function"].rpartition("/")
        return starting.find(self._version.function.project, package or "default", name)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        function, qualifier = cleaned.get("function"), cleaned.get("qualifier")
        if function and qualifier:
            try:
                resolve(function, qualifier)
            except QualifierUnknown as error:
                self.add_error("qualifier", str(error))
        return cleaned

    def param(self) -> str:
        function: Function = self.cleaned_data["function"]
        return json.dumps({"func_urn": function.urn(self.cleaned_data["qualifier"])})


class FunctionDestination(Destination):
    kind = FUNCTION
    label = gettext_lazy("FunctionGraph")
    action = INVOKE_ASYNC
    # The record started a request, which can be run again itself.
    can_repeat = False
    question = gettext_lazy("The function really runs. Send it a test?")

    def form(self, version: Version, **kwargs: Any) -> FunctionTargetForm:
        return FunctionTargetForm(version=version, **kwargs)

    def initial(self, param: str, version: Version) -> dict[str, Any]:
        urn = _urn(param, version)
        prefix = "" if urn.package == "default" else f"{urn.package}/"
        return {"function": prefix + urn.function, "qualifier": urn.qualifier}

    def read(self, param: str, version: Version) -> Target:
        """Read {"func_urn": …}; the function must be of the same project and region."""
        urn = _urn(param, version)
        function = _found(urn, version).version.function
        return Target(
            f"{function.shown_name}:{urn.qualifier}",
            f"{function.package}/{function.name}",
            function,
            () if function.is_enabled else (str(FunctionDisabled(function.name)),),
        )

    def is_written_here(self, version: Version) -> bool:
        return True

    def send(self, parcel: Parcel) -> Receipt:
        """Accept the record as the target's event; exactly once per delivery."""
        with starting.delivering():
            found = _found(_urn(parcel.param, parcel.version), parcel.version)
            accepted = accepting.accept(found, parcel.record, origin=_origin(parcel))
        return starting.receipt(accepted)


def _urn(param: str, version: Version) -> names.Urn:
    project = version.function.project.project_id
    text = read_param(param, CHOOSE).get("func_urn")
    urn = None
    if isinstance(text, str):
        urn = names.parse_urn(text, region=settings.REGION, project=project)
    if urn is None or (urn.region, urn.project) != (settings.REGION, project):
        raise ValidationError(CHOOSE)
    return urn


def _found(urn: names.Urn, version: Version) -> Resolved:
    return starting.find_version(version.function.project, urn)


def _origin(parcel: Parcel) -> accepting.Origin:
    """Say where a notified function's request comes from."""
    if parcel.delivery is None:
        return accepting.Origin(by=parcel.version.urn)
    told = parcel.delivery.invocation
    return accepting.Origin(
        by=told.version.urn,
        delivery=parcel.delivery,
        hops=told.hops + 1,
        root_id=told.root_id or told.request_id,
    )
