"""A worker's lease: one row, kept by threads of its own."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.models.functions import Greatest, Least

from asyncconfig import clock
from asyncconfig.models import Worker

logger = logging.getLogger(__name__)

# How much sooner than the lease itself a worker gives up that cannot renew it:
# its children must be dead before somebody else may start the same request.
MARGIN = 0.2
# While the work is given up, what starts all the same is ended as often as this.
AGAIN_SECONDS = 0.1
MIN_PATIENCE_SECONDS = 0.1
JOIN_SECONDS = 2.0


def register(queue: str, *, slots: int, **traits: object) -> Worker:
    """Write a new worker row with a fresh lease, and what its lane says of itself."""
    now = clock.now()
    return Worker.objects.create(
        name=f"{socket.gethostname()}:{os.getpid()}",
        queue=queue,
        slots=slots,
        started_at=now,
        lease_until=now + timedelta(seconds=settings.WORKER_LEASE_SECONDS),
        **traits,
    )


def renew(worker: Worker) -> bool:
    """Prolong the lease; False when a sweep ended it and others may take the work.

    Whether it is over by the clock does not count: a clock may jump. A worker that
    cannot renew in time gives up by the time that passes, see `Keeper`.
    """
    lease = timedelta(seconds=settings.WORKER_LEASE_SECONDS)
    until = clock.now() + lease
    held = Worker.objects.present().filter(pk=worker.pk)
    # One that was on its way for long may come after a later one and shortens nothing;
    # what lies further ahead was written before a clock was put back.
    kept = Least(Greatest("lease_until", until), until + lease)
    return bool(held.update(lease_until=kept))


def is_live(worker: Worker) -> bool:
    """Say whether the lease is still ours: who stalled may have been marked dead."""
    return bool(Worker.objects.present().filter(pk=worker.pk).exists())


def sign_off(worker: Worker) -> None:
    """Say goodbye: nothing is held now."""
    now = clock.now()
    Worker.objects.filter(pk=worker.pk).update(stopped_at=now, lease_until=now)


class Keeper:
    """Renews a lease; calls `lost` in time when it cannot, and until it is stopped.

    One thread talks to the database, which may keep it waiting for as long as it
    likes. Another only looks at the clock.
    """

    def __init__(self, worker: Worker, *, lost: Callable[[], None]) -> None:
        self._worker = worker
        self._lost = lost
        self._stop = threading.Event()
        self._is_over = threading.Event()
        asked = time.monotonic()
        left = (worker.lease_until - clock.now()).total_seconds()
        self._ends = self._end(asked, min(left, settings.WORKER_LEASE_SECONDS))
        self._threads = [
            threading.Thread(target=self._keep, name="lease", daemon=True),
            threading.Thread(target=self._watch, name="lease-watch", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop both threads; one that the database keeps waiting ends by itself."""
        self._stop.set()
        self._is_over.set()
        for thread in self._threads:
            thread.join(timeout=JOIN_SECONDS)

    def _keep(self) -> None:
        pause = settings.WORKER_RENEW_SECONDS
        # What is given up is not renewed: the sooner it is over, the sooner it is free.
        while not self._is_over.wait(pause):
            asked = time.monotonic()
            # There has to be time for another try.
            patience = max(self._left() * 2 / 3, MIN_PATIENCE_SECONDS)
            connection.patience = patience  # type: ignore[attr-defined]
            try:
                held = renew(self._worker)
            except DatabaseTrouble as error:
                logger.warning("The lease could not be renewed: %s", error)
                connection.close()
            else:
                if not held:
                    self._is_over.set()
                    break
                # The database counts from a moment after we asked.
                self._ends = self._end(asked, settings.WORKER_LEASE_SECONDS)
            pause = min(settings.WORKER_RENEW_SECONDS, 0.5 * self._left() + 0.05)
        connection.close()

    def _watch(self) -> None:
        """End the work before the lease ends; never touches the database."""
        # A renewal that came meanwhile has moved the end: wait for what is left then.
        while not self._is_over.wait(self._left()) and self._left():
            pass
        self._is_over.set()
        while not self._stop.is_set():
            try:
                self._lost()
            except Exception:
                logger.exception("What runs could not be stopped; tried again.")
            # What was just about to start has started by now.
            self._stop.wait(AGAIN_SECONDS)

    def _left(self) -> float:
        """Return the seconds until the work must be given up."""
        return max(self._ends - time.monotonic(), 0.0)

    @staticmethod
    def _end(asked: float, seconds: float) -> float:
        return asked + seconds - MARGIN * settings.WORKER_LEASE_SECONDS
