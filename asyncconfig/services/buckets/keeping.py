"""Create and delete buckets of this installation's storage."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from asyncconfig import clock, graph
from asyncconfig.clients import storage
from asyncconfig.clients.objects import StorageError, Trouble
from asyncconfig.models import Bucket
from asyncconfig.models.config import OBS
from functions.exceptions import NameTaken, StillUsed
from functions.models import Project


def create(project: Project, name: str) -> Bucket:
    """Create a bucket; raises NameTaken, or StorageError.

    The storage comes first: a process that dies in between leaves a bucket that
    nobody owns, which the next try takes over. A bucket whose storage was lost is
    created again by its owner.
    """
    known = Bucket.objects.filter(name=name).first()
    if known is not None and (known.project_id != project.pk or _is_there(known)):
        raise _taken(name)
    storage.own().create(name)
    if known is not None:
        return known
    try:
        with transaction.atomic():
            now = clock.now()
            return Bucket.objects.create(project=project, name=name, created_at=now)
    except IntegrityError as error:
        raise _taken(name) from error


def _taken(name: str) -> NameTaken:
    return NameTaken(
        _("Bucket %(bucket)s already exists. Choose another name.") % {"bucket": name}
    )


def _is_there(bucket: Bucket) -> bool:
    try:
        storage.own().check(bucket.name)
    except StorageError as error:
        if error.trouble is not Trouble.NO_BUCKET:
            raise
        return False
    return True


def delete(bucket: Bucket) -> None:
    """Delete a bucket that nobody uses; raises StillUsed, or StorageError.

    The row goes last: a process that dies in between leaves a row without a
    bucket, and deleting that once more is as good.
    """
    if graph.uses_of(bucket.project, OBS, bucket.name):
        raise StillUsed(
            _(
                "Functions send their results to bucket %(bucket)s. "
                "Change their configuration first."
            )
            % {"bucket": bucket.name}
        )
    try:
        storage.own().remove(bucket.name)
    except StorageError as error:
        if error.trouble is not Trouble.NO_BUCKET:
            raise
    bucket.delete()
