"""What every page of one function shows above its tab."""

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from asyncconfig import configuring, loops
from asyncconfig.models import AsyncConfig
from console import access
from console.access import Right
from functions import names
from functions.models import Function, Version


@dataclass
class Head:
    """A function as its pages see it, with the version that `?v=` chose."""

    function: Function
    version: Version
    qualifier: str
    tab: str
    may_configure: bool
    may_invoke: bool

    @cached_property
    def config(self) -> AsyncConfig | None:
        return AsyncConfig.objects.for_version(self.version)

    @cached_property
    def qualifiers(self) -> list[str]:
        return qualifiers_of(self.function)

    @cached_property
    def loops(self) -> list[str]:
        """The loops that this function's saved configurations are part of."""
        return [loops.describe(path) for path in configuring.saved_loops(self.function)]

    @property
    def query(self) -> str:
        """What keeps the chosen qualifier in links; "" for latest."""
        return "" if self.qualifier == names.LATEST else f"?v={self.qualifier}"

    @property
    def urn(self) -> str:
        return self.function.urn(self.qualifier)


def qualifiers_of(function: Function) -> list[str]:
    """Return latest, the published versions newest first, and the aliases."""
    versions = Version.objects.alive().filter(function=function)
    published = versions.exclude(name=names.LATEST).order_by("-pk")
    aliases = function.aliases.order_by("name").values_list("name", flat=True)
    return [
        names.LATEST,
        *published.values_list("name", flat=True),
        *(f"!{name}" for name in aliases),
    ]


def load(
    request: HttpRequest, package: str, name: str, *, tab: str, right: Right
) -> Head:
    """Find the function and check the right; 404 for strangers, 403 without it."""
    project = access.get_project(request)
    function = access.get_function(project, package, name)
    access.require(request.user, right)
    qualifier = request.GET.get("v") or names.LATEST
    return Head(
        function=function,
        version=access.get_version(function, qualifier),
        qualifier=qualifier,
        tab=tab,
        may_configure=access.may(request.user, Right.CONFIGURE),
        may_invoke=access.may(request.user, Right.INVOKE),
    )
