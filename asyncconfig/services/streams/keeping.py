"""Create, find, list and delete streams."""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from asyncconfig import clock
from asyncconfig.exceptions import StreamExists, StreamUnknown
from asyncconfig.models import Stream
from asyncconfig.services.streams import records
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
