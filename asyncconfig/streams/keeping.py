"""Create, find, list and delete streams."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from asyncconfig import clock
from asyncconfig.exceptions import StreamExists, StreamUnknown
from asyncconfig.models import AsyncConfig, Stream
from asyncconfig.models.config import DIS
from asyncconfig.streams import records
from functions.models import Project


def create(
    project: Project, name: str, *, partitions: int, retention_hours: int
) -> Stream:
    """Create a stream; raises StreamExists. Values are checked by the form."""
    try:
        with transaction.atomic():
            return Stream.objects.create(
                project=project,
                name=name,
                partitions=partitions,
                retention_hours=retention_hours,
                created_at=clock.now(),
            )
    except IntegrityError as error:
        raise StreamExists(name) from error


def of(project: Project) -> QuerySet[Stream]:
    return Stream.objects.filter(project=project).select_related("project")


def find(project: Project, name: str) -> Stream:
    found = of(project).filter(name=name).first()
    if found is None:
        raise StreamUnknown(name)
    return found


def delete(stream: Stream) -> None:
    """Delete a stream with its records; raises RecordsAway and leaves it then.

    The records go first: whoever dies in between leaves an empty stream that can be
    deleted again, and never records that nobody can find.
    """
    records.forget(stream)
    stream.delete()


@dataclass(frozen=True)
class Use:
    """A function, and after what (success, failure) it sends to a stream."""

    package: str
    function: str
    succeeded: bool
    qualifier: str


def used_by(project: Project, names: Iterable[str]) -> dict[str, list[Use]]:
    """Return by stream name which functions of the project send results there."""
    wanted = list(names)
    configs = AsyncConfig.objects.current().filter(
        Q(on_success_kind=DIS, on_success_place__in=wanted)
        | Q(on_failure_kind=DIS, on_failure_place__in=wanted),
        version__function__project=project,
        version__function__deleted_at=None,
        version__deleted_at=None,
    )
    found: dict[str, list[Use]] = {name: [] for name in wanted}
    related = configs.select_related("version__function", "version__agency")
    for config in related.order_by("version__function__name", "version__name"):
        agency = config.version.agency
        if agency and agency.reach.endpoint(DIS):
            continue  # Of the same name, but another account's.
        for succeeded in (True, False):
            chosen = config.destination(succeeded=succeeded)
            if chosen.kind == DIS and chosen.place in found:
                function = config.version.function
                found[chosen.place].append(
                    Use(function.package, function.name, succeeded, config.version.name)
                )
    return found
