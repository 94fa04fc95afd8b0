"""How this installation is: each part, whether it is well, and what to do if not."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils.translation import gettext as _

from asyncconfig import clock, holding, queue
from asyncconfig.invocations import accepting
from asyncconfig.reports import vitals
from console.installation import isolation
from console.models import Installation
from functions.runtime.isolation import FULL

PATIENCE_SECONDS = 3.0
CHECK_SECONDS = 5.0
MAX_SKEW_SECONDS = 2.0
MAX_OVERDUE_SECONDS = 60.0

Figure = str | int | float | None


class Level(IntEnum):
    """How an installation is; also what `manage.py doctor` exits with."""

    WELL = 0
    DEGRADED = 1
    NOT_ACCEPTING = 2


@dataclass(frozen=True)
class CheckedPart:
    """One part. `advice` says what is wrong and what to do, "" where it is well.

    `is_needed` parts are those without which no request is accepted.
    """

    name: str
    advice: str = ""
    figures: dict[str, Figure] = field(default_factory=dict)
    is_needed: bool = False

    @property
    def is_well(self) -> bool:
        return not self.advice

    @property
    def level(self) -> Level:
        if self.is_well:
            return Level.WELL
        return Level.NOT_ACCEPTING if self.is_needed else Level.DEGRADED


def look() -> list[CheckedPart]:
    """Look at every part, for some seconds at most; nothing is raised."""
    with _patience(PATIENCE_SECONDS):
        database = _database()
        parts = [database, _disk(), _redis()]
        if database.figures.get("answers"):
            parts += [_asked(name, ask) for name, ask in ASKED.items()]
        else:
            unknown = _("Not known while the database does not answer.")
            parts += [CheckedPart(name, unknown) for name in ASKED]
    return parts


def level_of(parts: list[CheckedPart]) -> Level:
    return max(part.level for part in parts)


def state_of(parts: list[CheckedPart]) -> dict[str, Any]:
    """Return what monitors read: yes or no, the level, advice and figures."""
    level = level_of(parts)
    return {
        "ready": level is not Level.NOT_ACCEPTING,
        "parts": {part.name: part.is_well for part in parts},
        "level": level.name.lower(),
        "details": {
            part.name: {"advice": part.advice, **part.figures} for part in parts
        },
    }


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Wait for the database no longer than so many seconds at a time."""
    known = connection.patience  # type: ignore[attr-defined]
    connection.patience = min(known, seconds)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.patience = known  # type: ignore[attr-defined]


class _Writing:
    """Whether the database can be written; asked of it once in 5 s for all callers.

    A worker that renews its lease has written, and so has another process that looked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._trouble = ""

    def trouble(self) -> str:
        """Return why it cannot be written, or ""; raises nothing."""
        never_asked = self._at == float("-inf")
        # While one asks, who may have to wait long, the others know what was known.
        if self._lock.acquire(blocking=never_asked):
            try:
                if time.monotonic() - self._at >= CHECK_SECONDS:
                    self._trouble = self._ask()
                    self._at = time.monotonic()
            finally:
                self._lock.release()
        return self._trouble

    def forget(self) -> None:
        self._at = float("-inf")

    @staticmethod
    def _ask() -> str:
        try:
            now = clock.now()
            written = vitals.last_write_seconds(now)
            if written is not None and written < CHECK_SECONDS:
                return ""
            recent = now - timedelta(seconds=CHECK_SECONDS)
            rows = Installation.objects.filter(pk=Installation.ONLY)
            if not rows.filter(checked_at__gt=recent).exists():
                Installation.objects.update_or_create(
                    pk=Installation.ONLY, defaults={"checked_at": now}
                )
        except (DatabaseError, InterfaceError) as error:
            return _first_line(error)
        return ""


writing = _Writing()


def _database() -> CheckedPart:
    figures: dict[str, Figure] = {"engine": connection.vendor, "answers": False}
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        advice = _(
            "The database does not answer: %(error)s Requests get 503 until it does."
        )
        advice %= {"error": _first_line(error)}
        return CheckedPart("database", advice, figures, is_needed=True)
    figures["answers"] = True
    figures["milliseconds"] = round((time.monotonic() - began) * 1000, 1)
    trouble = writing.trouble()
    advice = ""
    if trouble:
        advice = _(
            "The database cannot be written: %(error)s Requests get 503 until it can."
        )
        advice %= {"error": trouble}
    return CheckedPart("database", advice, figures, is_needed=True)


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text if text.endswith(".") else f"{text}."


def _disk() -> CheckedPart:
    try:
        free = accepting.free_disk_percent()
    except OSError as error:
        advice = _("The data directory cannot be read: %(error)s.")
        return CheckedPart("disk", advice % {"error": error.strerror}, is_needed=True)
    limit = settings.MIN_FREE_DISK_PERCENT
    advice = ""
    if free < limit:
        advice = _(
            "%(free).1f %% of the disk is free, and %(limit)g %% is needed to accept "
            "requests. Free some space."
        ) % {"free": free, "limit": limit}
    figures: dict[str, Figure] = {"free_percent": round(free, 1), "min_percent": limit}
    return CheckedPart("disk", advice, figures | _folder(), is_needed=True)


def _folder() -> dict[str, Figure]:
    return {"folder": str(settings.DATA_DIR)}


def _redis() -> CheckedPart:
    advice = (
        ""
        if queue.is_up()
        else _(
            "Redis does not answer. Requests are accepted, and workers look once a "
            "second; streams can be neither read nor written."
        )
    )
    return CheckedPart("redis", advice)


def _asked(
    name: str, ask: Callable[[datetime], tuple[str, dict[str, Figure]]]
) -> CheckedPart:
    try:
        return CheckedPart(name, *ask(clock.now()))
    except (DatabaseError, InterfaceError) as error:
        return CheckedPart(name, _first_line(error))


def _workers(now: datetime) -> tuple[str, dict[str, Figure]]:
    lanes = vitals.lanes(now)
    missing = [lane.queue for lane in lanes if not lane.workers]
    figures: dict[str, Figure] = {}
    for lane in lanes:
        figures[lane.queue] = lane.workers
        if lane.silent_seconds is not None:
            figures[f"{lane.queue}_heartbeat_seconds"] = round(lane.silent_seconds, 1)
    if not missing:
        return "", figures
    advice = _(
        "No worker serves %(queues)s. What is due there waits; start one with "
        "manage.py worker --queue NAME."
    )
    return advice % {"queues": ", ".join(missing)}, figures


def _clock(now: datetime) -> tuple[str, dict[str, Figure]]:
    skew = (datetime.now(UTC) - now).total_seconds()
    figures: dict[str, Figure] = {"skew_seconds": round(skew, 3)}
    if abs(skew) <= MAX_SKEW_SECONDS:
        return "", figures
    advice = _(
        "This host's clock and the database's are %(seconds).1f s apart. Let both "
        "follow one time server."
    )
    return advice % {"seconds": abs(skew)}, figures


def _requests(now: datetime) -> tuple[str, dict[str, Figure]]:
    seconds = vitals.overdue_invocation_seconds(now)
    advice = _("A request has been due for %(seconds)d s. Add workers or slots.")
    return _if_late(seconds, advice)


def _notifications(now: datetime) -> tuple[str, dict[str, Figure]]:
    seconds = vitals.overdue_outbound_seconds(now)
    advice = _("A notification has been due for %(seconds)d s. Look at its target.")
    return _if_late(seconds, advice)


def _if_late(seconds: float, advice: str) -> tuple[str, dict[str, Figure]]:
    figures: dict[str, Figure] = {"oldest_due_seconds": round(seconds, 1)}
    late = seconds > MAX_OVERDUE_SECONDS
    return advice % {"seconds": seconds} if late else "", figures


def _isolation(now: datetime) -> tuple[str, dict[str, Figure]]:
    worker = vitals.least_isolated(now)
    if worker is None or worker.isolation_level is None:
        return "", {"level": None}
    figures: dict[str, Figure] = {
        "level": worker.isolation_level,
        "landlock_abi": worker.landlock,
        "cgroups": worker.has_cgroups,
    }
    if worker.isolation_level >= FULL:
        return "", figures
    if trouble := isolation.trouble_of(worker):
        return trouble, figures
    advice = _(
        "A worker confines user code at level %(level)d only, which does not keep "
        "functions apart. Its log says why; docs/security.md says what to do."
    )
    return advice % {"level": worker.isolation_level}, figures


def _held(now: datetime) -> tuple[str, dict[str, Figure]]:
    counts = holding.counts()
    figures: dict[str, Figure] = dict(counts)
    if not any(counts.values()):
        return "", figures
    advice = _(
        "%(n)d things are held since a restore. Release or discard them with "
        "manage.py held."
    )
    return advice % {"n": sum(counts.values())}, figures


ASKED: dict[str, Callable[[datetime], tuple[str, dict[str, Figure]]]] = {
    "workers": _workers,
    "clock": _clock,
    "requests": _requests,
    "notifications": _notifications,
    "isolation": _isolation,
    "held": _held,
}
