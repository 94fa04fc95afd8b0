"""Count whether anything accepted went missing; the drift must be zero."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from asyncconfig.models import Delivery, Invocation, MessageDelivery


@dataclass(frozen=True)
class Balance:
    """Figures of one instant. Every drift is a number of rows, and must be 0."""

    accepted: int
    by_status: dict[str, int]
    owed: int
    by_delivery_status: dict[str, int]
    undelivered: int
    miscounted: int
    messages_owed: int
    by_message_status: dict[str, int]
    messages_miscounted: int

    @property
    def drift(self) -> int:
        invocations = self.accepted - sum(self.by_status.values())
        deliveries = self.owed - sum(self.by_delivery_status.values())
        messages = self.messages_owed - sum(self.by_message_status.values())
        missing = abs(invocations) + abs(deliveries) + abs(messages)
        miscounted = self.miscounted + self.messages_miscounted
        return missing + self.undelivered + miscounted


def balance() -> Balance:
    """Count everything once: whole tables are read, so not for a busy page."""
    return Balance(
        accepted=Invocation.objects.count(),
        by_status=_counts(Invocation.objects.order_by(), Invocation.Status.values),
        owed=Delivery.objects.count(),
        by_delivery_status=_counts(Delivery.objects.order_by(), Delivery.Status.values),
        undelivered=_finished_without_their_delivery(),
        miscounted=_attempts_that_do_not_add_up(Invocation.objects.order_by()),
        messages_owed=MessageDelivery.objects.count(),
        by_message_status=_counts(
            MessageDelivery.objects.order_by(), MessageDelivery.Status.values
        ),
        messages_miscounted=_attempts_that_do_not_add_up(
            MessageDelivery.objects.order_by()
        ),
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


def _attempts_that_do_not_add_up(rows: QuerySet[Any]) -> int:
    """Count rows whose attempts differ from the attempts on record."""
    numbered = Count("attempt_set", filter=Q(attempt_set__number__gt=0))
    counted = rows.annotate(recorded=numbered)
    return int(counted.exclude(attempts=F("recorded")).count())
