"""A worker's lease: one row, renewed by a thread of its own."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection

from asyncconfig import clock
from asyncconfig.models import Worker

logger = logging.getLogger(__name__)

# How much sooner than the lease itself a worker gives up that cannot renew it:
# its children must be dead before somebody else may start the same request.
MARGIN = 0.2


def register(queue: str, *, slots: int) -> Worker:
    """Write a new worker row with a fresh lease."""
    now = clock.now()
    return Worker.objects.create(
        name=f"{socket.gethostname()}:{os.getpid()}",
        queue=queue,
        slots=slots,
        started_at=now,
        lease_until=now + timedelta(seconds=settings.WORKER_LEASE_SECONDS),
    )


def renew(worker: Worker) -> bool:
    """Prolong the lease; False when a sweep ended it and others may take the work.

    Whether it is over by the clock does not count: a clock may jump. A worker that
    cannot renew in time gives up by the time that passes, see `Keeper`.
    """
    until = clock.now() + timedelta(seconds=settings.WORKER_LEASE_SECONDS)
    held = Worker.objects.unburied().filter(pk=worker.pk)
    return bool(held.update(lease_until=until))


def is_live(worker: Worker) -> bool:
    """Say whether the lease is still ours: who stalled may have been buried."""
    return bool(Worker.objects.unburied().filter(pk=worker.pk).exists())


def sign_off(worker: Worker) -> None:
    """Say goodbye: nothing is held any more."""
    now = clock.now()
    Worker.objects.filter(pk=worker.pk).update(stopped_at=now, lease_until=now)


class Keeper:
    """Renews a lease in the background; calls `lost` once when it cannot."""

    def __init__(self, worker: Worker, *, lost: Callable[[], None]) -> None:
        self._worker = worker
        self._lost = lost
        self._stop = threading.Event()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2)

    def _keep(self) -> None:
        pause = settings.WORKER_RENEW_SECONDS
        while not self._stop.wait(pause):
            if self._is_lost():
                self._lost()
                break
            pause = min(settings.WORKER_RENEW_SECONDS, 0.5 * self._left() + 0.05)
        connection.close()

    def _is_lost(self) -> bool:
        asked = time.monotonic()
        try:
            held = renew(self._worker)
        except DatabaseError as error:
            logger.warning("The lease could not be renewed: %s", error)
            connection.close()
            return self._left() <= 0
        if held:
            self._renewed = asked
        return not held

    def _left(self) -> float:
        """Return the seconds until the work must be given up."""
        lease = settings.WORKER_LEASE_SECONDS * (1 - MARGIN)
        return float(max(self._renewed + lease - time.monotonic(), 0))
