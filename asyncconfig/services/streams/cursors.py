"""Cursors: signed positions in a partition, good for five minutes (the SDK's text)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.core import signing
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.exceptions import (
    CursorExpired,
    CursorRefused,
    PositionOutOfRange,
    PositionRefused,
)
from asyncconfig.models import Stream
from asyncconfig.services.streams import keeping, records
from functions.models import Project

LIFETIME = timedelta(minutes=5)
SALT = "asyncconfig.services.streams.cursor"
MAX_SEQUENCE_NUMBER = 2**63 - 1
MAX_MOMENT_MS = 253_402_300_799_999  # The last millisecond of the year 9999.


class CursorKind(StrEnum):
    """Where reading begins."""

    AT_NUMBER = "AT_SEQUENCE_NUMBER"
    AFTER_NUMBER = "AFTER_SEQUENCE_NUMBER"
    OLDEST = "TRIM_HORIZON"
    LATEST = "LATEST"
    AT_TIME = "AT_TIMESTAMP"


@dataclass(frozen=True)
class Cursor:
    """The next record to read has this number, or a later one if that expired."""

    stream: Stream
    partition: int
    number: int


def locate(
    stream: Stream,
    partition: int,
    kind: CursorKind,
    *,
    number: str,
    timestamp: int | None,
) -> Cursor:
    """Return the cursor of a kind; `timestamp` is in milliseconds.

    Raises PositionRefused where number or timestamp is missing or wrong, and
    PositionOutOfRange for a number before the oldest record or after the newest.
    """
    span = records.spans([stream])[0][partition]
    match kind:
        case CursorKind.OLDEST:
            start = span.oldest
        case CursorKind.LATEST:
            start = span.after
        case CursorKind.AT_TIME:
            start = records.first_since(stream, partition, _moment(timestamp))
        case CursorKind.AT_NUMBER:
            start = _number(number, low=span.oldest, high=span.after)
        case CursorKind.AFTER_NUMBER:
            start = _number(number, low=span.oldest - 1, high=span.after - 1) + 1
    return Cursor(stream, partition, start)


def _moment(timestamp: int | None) -> datetime:
    if timestamp is None or not 0 <= timestamp <= MAX_MOMENT_MS:
        raise PositionRefused(
            _("timestamp: enter milliseconds since 1970, for AT_TIMESTAMP.")
        )
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=timestamp)


def _number(text: str, *, low: int, high: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 19
    if not is_number or int(text) > MAX_SEQUENCE_NUMBER:
        raise PositionRefused(
            _("starting-sequence-number: enter the number of a record.")
        )
    if not low <= int(text) <= high:
        raise PositionOutOfRange(
            _("Sequence number %(number)s is out of range: %(low)d to %(high)d.")
            % {"number": text, "low": low, "high": high}
        )
    return int(text)


def write(cursor: Cursor) -> str:
    """Return the cursor as a client gets it: signed, at most 512 characters."""
    issued = clock.now().timestamp()
    told = [cursor.stream.stream_id.hex, cursor.partition, cursor.number, issued]
    return signing.dumps(told, salt=SALT)


def read(project: Project, text: str) -> Cursor:
    """Read a cursor; raises CursorRefused, or CursorExpired after five minutes.

    One of a stream that was deleted, or is another project's, is refused too.
    """
    try:
        stream_id, partition, number, issued = signing.loads(text, salt=SALT)
    except signing.BadSignature as error:
        raise _refused() from error
    stream = keeping.of(project).filter(stream_id=UUID(stream_id)).first()
    if stream is None:
        raise _refused()
    if clock.now().timestamp() - issued > LIFETIME.total_seconds():
        raise CursorExpired(
            _("The cursor is older than 5 minutes. Get a new one, then read.")
        )
    return Cursor(stream, partition, number)


def _refused() -> CursorRefused:
    return CursorRefused(_("The cursor is invalid. Get a new one, then read."))
