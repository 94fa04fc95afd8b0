"""What every page of one function shows above its tab."""

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest
from django.urls import reverse

from asyncconfig import graph
from asyncconfig.decisions import loops
from asyncconfig.decisions.sides import Side
from asyncconfig.models import AsyncConfig
from asyncconfig.models.config import Chosen
from console import access
from console.access import Right
from console.ui.links import target_url
from functions import names
from functions.models import Function, Version
from functions.qualifiers import qualifiers_of


@dataclass(frozen=True)
class Told:
    """One side of a configuration; `url` is "" when its target has no page."""

    side: Side
    chosen: Chosen
    url: str


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
        return [loops.describe(path) for path in graph.saved_loops(self.function)]

    @property
    def told(self) -> list[Told]:
        """Who is notified of what, for the strip below the name."""
        chosen = ((side, self.config.destination(side)) for side in Side if self.config)
        return [Told(side, one, target_url(one)) for side, one in chosen if one.kind]

    @property
    def query(self) -> str:
        """What keeps the chosen qualifier in links; "" for latest."""
        return "" if self.qualifier == names.LATEST else f"?v={self.qualifier}"

    def url(self, page: str, *args: object) -> str:
        """Return the address of one of the function's pages, by its name."""
        named = [self.function.package, self.function.name, *args]
        return reverse(page, args=named) + self.query

    @property
    def urn(self) -> str:
        return self.function.urn(self.qualifier)


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


def load_settings(request: HttpRequest, package: str, name: str) -> Head:
    """Find the function for a page of its configuration, which a POST changes."""
    right = Right.READ if request.method == "GET" else Right.CONFIGURE
    return load(request, package, name, tab="settings", right=right)
