"""Call a function synchronously: the same rows and workers, and waiting."""

import threading
import time
from collections.abc import Callable

from django.conf import settings

from asyncconfig import queue
from asyncconfig.exceptions import Throttled
from asyncconfig.invocations import accepting
from asyncconfig.models import Invocation
from functions.qualifiers import Resolved

LOOK_SECONDS = 2.0


class _Seats:
    """How many web threads may wait for results: at most half of them."""

    def __init__(self) -> None:
        self._taken = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._taken >= max(settings.WEB_THREADS // 2, 1):
                raise Throttled
            self._taken += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._taken -= 1


_seats = _Seats()


def call(
    resolved: Resolved,
    payload: bytes,
    *,
    origin: accepting.Origin,
    memory_size: int | None = None,
) -> Invocation:
    """Run once and return the invocation as it then stands.

    It is waited for at most SYNC_WAIT_SECONDS; after that it is returned
    unfinished, and goes on. Never retried, notifies nobody. Raises NotAccepted,
    of which Throttled when half of the web threads wait already.
    """
    return follow(
        lambda: accepting.accept_from_client(
            resolved,
            payload,
            mode=Invocation.Mode.SYNC,
            origin=origin,
            memory_size=memory_size,
        )
    )


def follow(start: Callable[[], Invocation]) -> Invocation:
    """Wait as `call` does for what `start` returns; when Throttled nothing starts."""
    with _seats:
        return _wait(start())


def _wait(invocation: Invocation) -> Invocation:
    ends = time.monotonic() + settings.SYNC_WAIT_SECONDS
    while not invocation.is_finished and (left := ends - time.monotonic()) > 0:
        # An announcement may get lost with Redis, so the row is looked at all the same.
        queue.wait_for(invocation.request_id, min(left, LOOK_SECONDS))
        invocation.refresh_from_db()
    return invocation
