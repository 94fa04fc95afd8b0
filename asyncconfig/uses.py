"""Which functions send their results to a target."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from asyncconfig.models import AsyncConfig
from functions.models import Function, Project

SIDES = ("success", "failure")


@dataclass(frozen=True)
class Use:
    """A function's version that tells a target of its successes or failures."""

    function: Function
    version: str
    side: str


def of_places(
    project: Project, kind: str, places: Iterable[str]
) -> dict[str, list[Use]]:
    """Return by place who of the project sends there, from one query."""
    found: dict[str, list[Use]] = {place: [] for place in places}
    if not found:
        return found
    configs = AsyncConfig.objects.current().filter(
        Q(on_success_kind=kind, on_success_place__in=found)
        | Q(on_failure_kind=kind, on_failure_place__in=found),
        version__function__project=project,
        version__function__deleted_at=None,
        version__deleted_at=None,
    )
    related = configs.select_related("version__function")
    for config in related.order_by("version__function__name", "version__name"):
        for side in SIDES:
            chosen = config.destination(succeeded=side == "success")
            if chosen.kind == kind and chosen.place in found:
                use = Use(config.version.function, config.version.name, side)
                found[chosen.place].append(use)
    return found


def of_place(project: Project, kind: str, place: str) -> list[Use]:
    """Return who of the project sends to one place."""
    return of_places(project, kind, [place])[place]
