"""Count whether anything accepted went missing; the drift must be zero."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from asyncconfig.models import Delivery, Invocation


@dataclass(frozen=True)
class Balance:
    """Figures of one instant. Every drift is a number of rows, and must be 0."""

    accepted: int
    by_status: dict[str, int]
    owed: int
    by_delivery_status: dict[str, int]
    undelivered: int
    miscounted: int

    @property
    def drift(self) -> int:
        invocations = self.accepted - sum(self.by_status.values())
        deliveries = self.owed - sum(self.by_delivery_status.values())
        return abs(invocations) + abs(deliveries) + self.undelivered + self.miscounted


def balance() -> Balance:
    """Count everything once: whole tables are read, so not for a busy page."""
    return Balance(
        accepted=Invocation.objects.count(),
        by_status=_counts(Invocation.objects.order_by(), Invocation.Status.values),
        owed=Delivery.objects.count(),
        by_delivery_status=_counts(Delivery.objects.order_by(), Delivery.Status.values),
        undelivered=_finished_without_their_delivery(),
        miscounted=_attempts_that_do_not_add_up(),
    )


def _counts(rows: QuerySet[Any], states: list[str]) -> dict[str, int]:
    counted = rows.values_list("status").annotate(number=Count("pk"))
    return {status: number for status, number in counted if status in states}


def _finished_without_their_delivery() -> int:
    told = Q(status=Invocation.Status.SUCCESS) & ~Q(config__on_success_kind="")
    warned = Q(status__in=(Invocation.Status.FAIL, Invocation.Status.DISCARD)) & ~Q(
        config__on_failure_kind=""
    )
    finished = Invocation.objects.filter(told | warned, config__isnull=False)
    return finished.filter(delivery=None).count()


def _attempts_that_do_not_add_up() -> int:
    """Count requests whose attempts differ from the attempts on record."""
    numbered = Count("attempt_set", filter=Q(attempt_set__number__gt=0))
    rows = Invocation.objects.order_by().annotate(recorded=numbered)
    return rows.exclude(attempts=F("recorded")).count()
