"""Signs of life of the engine: who works, what waits too long. Every read is short."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min

from asyncconfig.models import Delivery, Invocation, MessageDelivery, Worker


@dataclass(frozen=True)
class LaneVitals:
    """The workers of one queue; `silent_seconds` have passed since one was heard of."""

    queue: str
    workers: int = 0
    silent_seconds: float | None = None


def lanes(now: datetime) -> list[LaneVitals]:
    """Return every queue with its workers whose lease holds; there may be none."""
    live = Worker.objects.present().filter(lease_until__gt=now).order_by()
    found = {
        row["queue"]: LaneVitals(
            row["queue"], row["n"], _since_renewal(row["until"], now)
        )
        for row in live.values("queue").annotate(
            n=Count("pk"), until=Max("lease_until")
        )
    }
    return [found.get(name, LaneVitals(name)) for name in Worker.Queue.values]


def least_isolated(now: datetime) -> Worker | None:
    """Return the living worker that confines user code least; None if none runs any."""
    live = Worker.objects.present().filter(lease_until__gt=now)
    known = live.exclude(isolation_level=None)
    return known.order_by("isolation_level", "pk").first()


def last_write_seconds(now: datetime) -> float | None:
    """Return how long ago a worker wrote its lease; None when none lives."""
    until = Worker.objects.present().aggregate(until=Max("lease_until"))["until"]
    return _since_renewal(until, now) if until else None


def _since_renewal(until: datetime, now: datetime) -> float:
    written = until - timedelta(seconds=settings.WORKER_LEASE_SECONDS)
    return max((now - written).total_seconds(), 0.0)


def overdue_invocation_seconds(now: datetime) -> float:
    """Return how long the longest overdue request has been due; 0 for none."""
    return _overdue(Invocation, now)


def overdue_outbound_seconds(now: datetime) -> float:
    """Return the same of notifications and messages to subscribers together."""
    return max(_overdue(Delivery, now), _overdue(MessageDelivery, now))


def _overdue(model: Any, now: datetime) -> float:
    waiting = model.objects.waiting().order_by()
    oldest = waiting.aggregate(oldest=Min("due_at"))["oldest"]
    return max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
