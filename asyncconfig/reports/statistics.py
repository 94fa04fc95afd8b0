"""Figures of finished requests over time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import Avg, Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDay, TruncHour, TruncMinute, TruncMonth

from asyncconfig.models import Attempt, Delivery, Invocation
from functions.models import Version

MINUTES_SHOWN_BY_MINUTE = 180
MINUTES_SHOWN_BY_HOUR = 7 * 24 * 60
MAX_COUNTED_ROWS = 10_000
SYSTEM_CONDITIONS = ("SystemError",)


@dataclass
class Slot:
    """The figures of one slot of time; durations are milliseconds, None for none."""

    begins: datetime
    count: int = 0
    failed: int = 0
    rejected: int = 0
    function_errors: int = 0
    system_errors: int = 0
    mean_ms: float | None = None
    max_ms: float | None = None
    min_ms: float | None = None


@dataclass(frozen=True)
class _Step:
    trunc: type[TruncMinute] | type[TruncHour] | type[TruncDay]
    size: timedelta


def _step(minutes: int) -> _Step:
    if minutes <= MINUTES_SHOWN_BY_MINUTE:
        return _Step(TruncMinute, timedelta(minutes=1))
    if minutes <= MINUTES_SHOWN_BY_HOUR:
        return _Step(TruncHour, timedelta(hours=1))
    return _Step(TruncDay, timedelta(days=1))


def over_time(
    invocations: QuerySet[Invocation], *, now: datetime, minutes: int
) -> list[Slot]:
    """Return a slot per minute, hour or day of the last `minutes`, empty ones too."""
    step = _step(minutes)
    since = now - timedelta(minutes=minutes)
    rows = invocations.filter(finished_at__gt=since, finished_at__lte=now).order_by()
    ended = _by_slot(rows, step)
    runs = Attempt.objects.filter(
        invocation__in=rows, number__gt=0, finished_at__gt=since
    ).order_by()
    timed = _durations(runs, step)
    slots = []
    at = _floor(since, step.size)
    while at <= now:
        slots.append(ended.get(at, Slot(at)))
        slots[-1].mean_ms, slots[-1].max_ms, slots[-1].min_ms = timed.get(
            at, (None, None, None)
        )
        at += step.size
    return slots


def _floor(moment: datetime, size: timedelta) -> datetime:
    seconds = size.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def _by_slot(rows: QuerySet[Invocation], step: _Step) -> dict[datetime, Slot]:
    failed, discarded = Q(status="FAIL"), Q(status="DISCARD")
    system = Q(condition__in=SYSTEM_CONDITIONS)
    found = (
        rows.annotate(slot=step.trunc("finished_at", tzinfo=UTC))
        .values("slot")
        .annotate(
            n=Count("pk"),
            n_failed=Count("pk", filter=failed),
            n_rejected=Count("pk", filter=discarded),
            n_system=Count("pk", filter=failed & system),
        )
    )
    return {
        row["slot"]: Slot(
            begins=row["slot"],
            count=row["n"],
            failed=row["n_failed"],
            rejected=row["n_rejected"],
            function_errors=row["n_failed"] - row["n_system"],
            system_errors=row["n_system"],
        )
        for row in found
    }


def _durations(
    runs: QuerySet[Attempt], step: _Step
) -> dict[datetime, tuple[float, float, float]]:
    found = (
        runs.annotate(slot=step.trunc("finished_at", tzinfo=UTC))
        .values("slot")
        .annotate(
            mean=Avg("duration_ms"), most=Max("duration_ms"), least=Min("duration_ms")
        )
    )
    return {row["slot"]: (row["mean"], row["most"], row["least"]) for row in found}


@dataclass(frozen=True)
class Month:
    """What ran in a month: how often, and memory times duration (GB·s)."""

    begins: datetime
    count: int
    gb_seconds: float = field(default=0.0)


def by_month(invocations: QuerySet[Invocation], *, since: datetime) -> Sequence[Month]:
    """Return the months since a time in which anything ran, the oldest first."""
    runs = Attempt.objects.filter(
        invocation__in=invocations.order_by(), number__gt=0, finished_at__gte=since
    ).order_by()
    months: dict[datetime, Month] = {}
    found = (
        runs.annotate(
            month=TruncMonth("finished_at"), mb=F("invocation__version__memory_size")
        )
        .values_list("month", "mb")
        .annotate(n=Count("pk"), mean=Avg("duration_ms"))
    )
    for month, megabytes, count, mean in found:
        known = months.get(month, Month(month, 0))
        used = megabytes / 1024 * (mean or 0) / 1000 * count
        months[month] = Month(month, known.count + count, known.gb_seconds + used)
    return [months[month] for month in sorted(months)]


@dataclass(frozen=True)
class Arrivals:
    """How many notifications of one side arrived, and how many were given up."""

    delivered: int = 0
    failed: int = 0

    @property
    def percent(self) -> int | None:
        """Return the share that arrived, never rounded up to all; None for none."""
        ended = self.delivered + self.failed
        return self.delivered * 100 // ended if ended else None


def arrivals(version: Version, *, since: datetime) -> dict[str, Arrivals]:
    """Return the arrivals of a version's notifications by their side.

    Looks at the function's newest MAX_COUNTED_ROWS requests; one query.
    """
    newest = Invocation.objects.filter(function=version.function_id).newest_first()
    rows = Delivery.objects.filter(
        invocation__in=newest.values("pk")[:MAX_COUNTED_ROWS],
        invocation__version=version,
        created_at__gte=since,
    )
    counted = (
        rows.order_by()
        .values("side")
        .annotate(
            delivered=Count("pk", filter=Q(status=Delivery.Status.DELIVERED)),
            failed=Count("pk", filter=Q(status=Delivery.Status.FAILED)),
        )
    )
    return {row["side"]: Arrivals(row["delivered"], row["failed"]) for row in counted}
