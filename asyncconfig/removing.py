"""Take functions and versions out of service; what waits for them ends."""

from datetime import datetime

from asyncconfig import clock, sweeping
from functions import creating, publishing
from functions.models import Function, Version


def delete_function(function: Function) -> None:
    """Delete a function; its history stays, its waiting requests are discarded.

    If the process dies in between, the next sweep ends what still waits.
    """
    creating.mark_deleted(function)
    sweeping.end_unavailable()


def disable_function(function: Function) -> None:
    creating.set_max_instances(function, 0)
    sweeping.end_unavailable()


def delete_version(version: Version, *, now: datetime | None = None) -> None:
    """Delete a published version; raises StillUsed."""
    publishing.delete_version(version, now=now or clock.now())
    sweeping.end_unavailable()
