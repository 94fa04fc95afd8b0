"""Put records into a stream and read them again."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.clients.redis_client import connect
from asyncconfig.exceptions import RecordsAway, RecordsRefused, StreamUnknown
from asyncconfig.models import Stream
from asyncconfig.services.streams import partitions, scripts

# Limits of a request, as the cloud's producers keep them; sizes in bytes.
MAX_RECORDS = 500
MAX_RECORD_BYTES = 1024 * 1024
MAX_REQUEST_BYTES = 5 * 1024 * 1024
MAX_FETCHED_BYTES = 10 * 1024 * 1024
MAX_FETCHED_RECORDS = 2000
MAX_KEY_CHARACTERS = 256
# Redis has this long to answer, and of it this long to have a write on its disk.
ANSWER_SECONDS = 5.0
SYNC_MILLISECONDS = 3000
T = TypeVar("T")


@dataclass(frozen=True)
class NewRecord:
    """A record to put: its bytes, the partition it goes to, and the key it keeps."""

    data: bytes
    partition: int
    key: str = ""


@dataclass(frozen=True)
class Put:
    """Where a record went; sequence numbers grow by one within a partition."""

    partition: int
    number: int

    @property
    def reference(self) -> str:
        return f"{partitions.name_of(self.partition)}/{self.number}"


@dataclass(frozen=True)
class Kept:
    """A record as it is kept."""

    number: int
    at: datetime
    key: str
    data: bytes

    @property
    def encoded(self) -> str:
        return base64.b64encode(self.data).decode("ascii")


@dataclass(frozen=True)
class Span:
    """What a partition holds: the oldest number kept, and the one it gives next.

    `fresh` counts the records of the last 24 hours, `newest_at` is the newest's time.
    """

    partition: int
    oldest: int
    after: int
    fresh: int
    newest_at: datetime | None

    @property
    def name(self) -> str:
        return partitions.name_of(self.partition)


def put(stream: Stream, records: Sequence[NewRecord]) -> list[Put]:
    """Append the records, all or none, and return where each went.

    When this returns they are on the store's disk, where it has an append-only file.
    Raises RecordsRefused, RecordsAway, or StreamUnknown when the stream is being
    deleted. After RecordsAway the records may nevertheless be there.
    """
    _check(records)
    now = clock.now()
    arguments: list[Any] = [_ms(now), _horizon(stream, now)]
    for record in records:
        arguments += [record.partition, record.key, record.data]
    keys = [_key(stream, record.partition) for record in records]
    numbers = _ask(lambda client: _write(client, stream, keys, arguments))
    if numbers is None:
        raise StreamUnknown(stream.name)
    return [
        Put(record.partition, int(number))
        for record, number in zip(records, numbers, strict=True)
    ]


def _check(records: Sequence[NewRecord]) -> None:
    if not 1 <= len(records) <= MAX_RECORDS:
        raise RecordsRefused(
            _("Send 1 to %(most)d records at a time.") % {"most": MAX_RECORDS}
        )
    if any(len(record.key) > MAX_KEY_CHARACTERS for record in records):
        raise RecordsRefused(
            _("A partition key can have at most %(most)d characters.")
            % {"most": MAX_KEY_CHARACTERS}
        )
    sizes = [len(record.data) for record in records]
    if max(sizes) > MAX_RECORD_BYTES:
        raise RecordsRefused(_("A record is over 1 MB. Send less."))
    if sum(sizes) > MAX_REQUEST_BYTES:
        raise RecordsRefused(_("The records are over 5 MB together. Send fewer."))


def _write(
    client: redis.Redis, stream: Stream, keys: list[str], arguments: list[Any]
) -> list[bytes] | None:
    with client.pipeline(transaction=False) as pipe:
        names = [_state(stream), *keys]
        pipe.eval(scripts.PUT, len(names), *names, *arguments)
        pipe.waitaof(1, 0, SYNC_MILLISECONDS)
        numbers, synced = pipe.execute(raise_on_error=False)
    if isinstance(numbers, Exception):
        raise numbers
    # An older server, or one without an append-only file, refuses to wait.
    if not isinstance(synced, redis.ResponseError) and synced[0] < 1:
        raise RecordsAway
    return numbers or None


def spans(streams: Sequence[Stream]) -> list[list[Span]]:
    """Return what each partition of each stream holds, asked at once."""
    now = clock.now()

    def ask(client: redis.Redis) -> list[Any]:
        with client.pipeline(transaction=False) as pipe:
            for stream in streams:
                names = _all_keys(stream)
                fresh = _ms(now - timedelta(hours=24))
                pipe.eval(
                    scripts.SPAN, len(names), *names, _horizon(stream, now), fresh
                )
            return list(pipe.execute())

    return [
        [_span(number, *found) for number, found in enumerate(answer)]
        for answer in (_ask(ask) if streams else [])
    ]


def _span(number: int, oldest: bytes, after: bytes, fresh: bytes, at: bytes) -> Span:
    newest = _moment(at) if int(after) else None
    return Span(number, int(oldest), int(after), int(fresh), newest)


def first_since(stream: Stream, partition: int, moment: datetime) -> int:
    """Return the number of the first record put at that time or later.

    It is the next number to be given when there is none.
    """
    names = [_state(stream), _key(stream, partition)]
    since = max(_ms(moment), _horizon(stream, clock.now()))
    return int(
        _ask(lambda client: client.eval(scripts.SINCE, 2, *names, partition, since))
    )


def read(
    stream: Stream,
    partition: int,
    *,
    start: int,
    most_bytes: int,
    most: int = MAX_FETCHED_RECORDS,
) -> list[Kept]:
    """Return the records from `start` on, oldest first, without what expired.

    A record larger than `most_bytes` is not returned, and neither is what follows.
    """
    start = max(start, first_since(stream, partition, _EPOCH))
    ends = f"{start}-1", "+"
    return _read(stream, partition, ends, most_bytes, most, back=False)


def newest(
    stream: Stream, span: Span, *, before: int | None, most_bytes: int, most: int
) -> list[Kept]:
    """Return the records of a partition below a number, newest first.

    What expired before the span was asked for is not among them.
    """
    ends = "+" if before is None else f"({before}-1", f"{span.oldest}-1"
    return _read(stream, span.partition, ends, most_bytes, most, back=True)


def _read(
    stream: Stream,
    partition: int,
    ends: tuple[str, str],
    most_bytes: int,
    most: int,
    *,
    back: bool,
) -> list[Kept]:
    names = [_state(stream), _key(stream, partition)]
    arguments: list[str | int] = [*ends, most_bytes, most, int(back)]
    found = _ask(lambda client: client.eval(scripts.READ, 2, *names, *arguments))
    return [_kept(entry, fields) for entry, fields in found]


def _kept(entry: bytes, fields: list[bytes]) -> Kept:
    _at, moment, _named, key, _titled, data = fields
    number = int(entry.partition(b"-")[0])
    return Kept(number, _moment(moment), key.decode("utf-8", "replace"), data)


def forget(stream: Stream) -> None:
    """Delete all records; what is put from now on is refused.

    That mark goes after an hour: writers that looked the stream up before are done.
    """
    names = _all_keys(stream)

    def ask(client: redis.Redis) -> None:
        with client.pipeline(transaction=True) as pipe:
            pipe.unlink(*names)
            pipe.hset(names[0], "gone", 1)
            pipe.expire(names[0], 3600)
            pipe.execute()

    _ask(ask)


def _ask(question: Callable[[redis.Redis], T]) -> T:
    try:
        return question(connect(settings.REDIS_URL, ANSWER_SECONDS))
    except redis.RedisError as error:
        raise RecordsAway from error


_EPOCH = datetime.fromtimestamp(0, UTC)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: bytes) -> datetime:
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def _horizon(stream: Stream, now: datetime) -> int:
    """Return the time (ms) before which records are kept no longer."""
    return _ms(now - timedelta(hours=stream.retention_hours))


def _state(stream: Stream) -> str:
    # The braces put all keys of a stream on one node of a cluster.
    return f"fg:dis:{stream.project.project_id}:{{{stream.stream_id.hex}}}:state"


def _key(stream: Stream, partition: int) -> str:
    return f"{_state(stream).removesuffix(':state')}:{partition}"


def _all_keys(stream: Stream) -> list[str]:
    numbers = range(stream.partitions)
    return [_state(stream), *(_key(stream, number) for number in numbers)]
