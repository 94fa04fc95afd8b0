"""The only door to the queue: ring a worker, hand a synchronous result over.

The row is the truth and workers look by themselves once a second, so everything
here may fail. What it must not do is to keep a request waiting: time-outs are
short, nothing is retried, and after a failure it is silent for a second.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import django_rq
import redis
from django.conf import settings
from django.db import transaction
from django_rq.queues import DjangoRQ
from rq.job import Job

from asyncconfig.clients.redis_client import connect

logger = logging.getLogger(__name__)

INVOKE, DELIVER, NOTIFY = "invoke", "deliver", "notify"
# The name of the one job that there is. It is nobody's path, so that modules may move
# while jobs wait.
WAKE = "fgconsole.wake"
DROPPED = "fg:dropped"
FLAG_SECONDS = 5
RING_SECONDS = 0.2
SILENT_SECONDS = 1.0
RESULT_SECONDS = 120


class _Silence:
    """How long Redis is left alone after it failed; said once per outage."""

    def __init__(self) -> None:
        self._until = 0.0
        self._is_out = False
        self._lock = threading.Lock()

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def begin(self, error: redis.RedisError) -> None:
        with self._lock:
            self._until = time.monotonic() + SILENT_SECONDS
            if not self._is_out:
                logger.warning("Redis does not answer: %s", error)
            self._is_out = True

    def end(self) -> None:
        if self._is_out:
            logger.warning("Redis answers again.")
            self._is_out = False


_silence = _Silence()


class WakeUp(Job):
    """A job that says which lane to look at; nothing of it is ever performed."""

    def perform(self) -> None:
        """Refuse: a worker of ours reads jobs, and one of RQ's own has no lane."""
        raise NotImplementedError("Wake-ups are for the workers of manage.py up.")


class WakeUps(DjangoRQ):
    """A queue of RQ_QUEUES, whoever asks django-rq for it: RQ's pages as well.

    Its server has 0.2 s to answer, and jobs are put in at once: `ring` waits for the
    commit itself, and what fails after one would fail for the request.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        ours = {
            "connection": connect(settings.REDIS_URL, RING_SECONDS),
            "commit_mode": "auto",
        }
        super().__init__(*args, **options | ours)  # type: ignore[no-untyped-call]


def flag_of(name: str) -> str:
    return f"fg:ring:{name}"


def ring(name: str) -> None:
    """Wake a worker of the queue once this transaction has committed."""
    transaction.on_commit(partial(ring_now, name))


def ring_now(name: str, *, force: bool = False) -> None:
    """Wake a worker of the queue; one wake-up is under way at a time.

    `force` ignores the flag that says so, which a dead worker may have left, but
    adds nothing to wake-ups that still wait in the queue.
    """

    def send() -> None:
        client = connect(settings.REDIS_URL, RING_SECONDS)
        wakeups = django_rq.get_queue(name, connection=client)
        fresh = client.set(flag_of(name), 1, nx=True, ex=FLAG_SECONDS)
        if fresh or (force and not wakeups.count):
            wakeups.enqueue(WAKE, name)

    _quietly(send)


def answered(name: str) -> None:
    """Let the next request ring again; rows must be looked for once after it."""
    _quietly(lambda: connect(settings.REDIS_URL, RING_SECONDS).delete(flag_of(name)))


class _Ended(threading.local):
    """The calls that this thread has ended and has not announced yet."""

    def __init__(self) -> None:
        self.request_ids: list[UUID] = []


_ended = _Ended()


def announce(request_id: UUID) -> None:
    """Tell the web thread that waits for this result, once this has committed.

    A batch of them costs one exchange with Redis. One whose transaction was undone
    may be told with the next: whoever waits looks at the row, and waits on.
    """
    _ended.request_ids.append(request_id)
    transaction.on_commit(_announce)


def _announce() -> None:
    # The first that is called after a commit takes all; nothing is left to the others.
    request_ids, _ended.request_ids = _ended.request_ids, []

    def send() -> None:
        with connect(settings.REDIS_URL, RING_SECONDS).pipeline(
            transaction=False
        ) as pipe:
            for request_id in request_ids:
                key = f"fg:result:{request_id}"
                pipe.lpush(key, 1)
                pipe.expire(key, RESULT_SECONDS)
            pipe.execute()

    if request_ids:
        _quietly(send)


def wait_for(request_id: UUID, seconds: float) -> None:
    """Return when the result is announced, or after at most `seconds`."""
    began = time.monotonic()
    try:
        connect(settings.REDIS_URL, seconds + 1).blpop(
            [f"fg:result:{request_id}"], timeout=seconds
        )
    except redis.RedisError:
        # The caller polls the row; without Redis it does so a little faster.
        # Not at once: a server that refuses would make this a busy loop.
        left = min(seconds, 0.1) - (time.monotonic() - began)
        time.sleep(max(left, 0))


def is_up() -> bool:
    """Say whether Redis answers."""
    try:
        return bool(connect(settings.REDIS_URL, RING_SECONDS).ping())
    except redis.RedisError:
        return False


def dropped_jobs() -> int | None:
    """Count the jobs of others that workers have dropped; None without Redis."""
    try:
        counts = connect(settings.REDIS_URL, RING_SECONDS).hvals(DROPPED)
        return sum(int(count) for count in counts)
    except (redis.RedisError, ValueError):
        return None


def _quietly(send: Callable[[], object]) -> None:
    if not _silence.is_over():
        return
    try:
        send()
        _silence.end()
    except redis.RedisError as error:
        _silence.begin(error)
