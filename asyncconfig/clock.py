"""The only clock that decides: the database's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection

_offset = timedelta(0)
_passed = 0.0


def now() -> datetime:
    """Return the database's time.

    PostgreSQL is asked; SQLite runs in this process, so the host's clock is its
    own. Every worker of one installation therefore reads the same clock.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
    else:
        moment = datetime.now(UTC)
    return moment + _offset


def monotonic() -> float:
    """Return seconds that pass whatever is done to any clock; for durations."""
    return time.monotonic() + _passed


def shift(seconds: float) -> None:
    """Let time pass in this process; tests do."""
    global _passed
    _passed += seconds
    jump(seconds)


def jump(seconds: float) -> None:
    """Put the clock forward without time passing."""
    global _offset
    _offset += timedelta(seconds=seconds)


@contextmanager
def shifted() -> Iterator[None]:
    """Put the clock right again at the end."""
    global _offset, _passed
    before = _offset, _passed
    try:
        yield
    finally:
        _offset, _passed = before
