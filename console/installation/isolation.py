"""What pages say of how user code is isolated, where that is not enough."""

import threading
import time

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.models import Worker
from asyncconfig.reports import vitals

# Every page asks, and workers come and go rarely.
KEPT_SECONDS = 10.0


class _Noted:
    """The least isolated worker, looked up once in a while for all pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._at = float("-inf")
        self._worker: Worker | None = None

    def worker(self) -> Worker | None:
        with self._lock:
            if time.monotonic() - self._at >= KEPT_SECONDS:
                self._worker = vitals.least_isolated(clock.now())
                self._at = time.monotonic()
            return self._worker


noted = _Noted()


def warning() -> str:
    """Return what every page is to say; "" where namespaces isolate user code."""
    try:
        worker = noted.worker()
    except (DatabaseError, InterfaceError):
        return ""
    if worker is None:
        return ""
    if worker.isolation_level == 1:
        return _(
            "User code is isolated at level 1, without namespaces: it sees other "
            "processes and can fill the disk. docs/security.md says what helps."
        )
    return trouble_of(worker)


def trouble_of(worker: Worker) -> str:
    """Say that user code is not isolated on a worker; "" where it is."""
    if worker.isolation_level != 0:
        return ""
    if settings.ALLOW_UNISOLATED:
        return _(
            "User code is not isolated: it can read and change all that the worker "
            "can. Let nobody create functions here who may not."
        )
    return _(
        "No function runs on %(worker)s: its host cannot isolate user code. "
        "docs/security.md says what it needs; ALLOW_UNISOLATED=true runs it "
        "all the same."
    ) % {"worker": worker.name}
