"""The only clock that decides: the database's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection

_offset = timedelta(0)


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


def shift(seconds: float) -> None:
    """Move the clock of this process; tests let time pass with it."""
    global _offset
    _offset += timedelta(seconds=seconds)


@contextmanager
def shifted() -> Iterator[None]:
    """Put the clock right again at the end."""
    global _offset
    before = _offset
    try:
        yield
    finally:
        _offset = before
