"""Count whether anything accepted went missing; the drift must be zero."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from asyncconfig.decisions.sides import Side
from asyncconfig.models import Delivery, Invocation, MessageDelivery

# The rules, in words that stay in English: commands and monitors print them.
NOTIFIES = "A request that ended has the notification that its configuration asks for."
OWED = "A notification belongs to a request that ended so, and was asked for."
COUNTS = "A request counts as many attempts as are on record."
COUNTS_OF_MESSAGES = "A message to a subscriber counts as many tries as are on record."
KNOWN = "A request is in a known state."
KNOWN_OF_NOTIFICATIONS = "A notification is in a known state."
KNOWN_OF_MESSAGES = "A message to a subscriber is in a known state."


@dataclass(frozen=True)
class Balance:
    """Figures of one instant. Every drift is a number of rows, and must be 0."""

    accepted: int
    by_status: dict[str, int]
    owed: int
    by_delivery_status: dict[str, int]
    undelivered: int
    unowed: int
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
        return missing + self.undelivered + self.unowed + miscounted


def balance() -> Balance:
    """Count everything once: whole tables are read, so not for a busy page."""
    rules = broken()
    return Balance(
        accepted=Invocation.objects.count(),
        by_status=_counts(Invocation.objects.order_by(), Invocation.Status.values),
        owed=Delivery.objects.count(),
        by_delivery_status=_counts(Delivery.objects.order_by(), Delivery.Status.values),
        undelivered=rules[NOTIFIES].count(),
        unowed=rules[OWED].count(),
        miscounted=rules[COUNTS].count(),
        messages_owed=MessageDelivery.objects.count(),
        by_message_status=_counts(
            MessageDelivery.objects.order_by(), MessageDelivery.Status.values
        ),
        messages_miscounted=rules[COUNTS_OF_MESSAGES].count(),
    )


def _counts(rows: QuerySet[Any], states: list[str]) -> dict[str, int]:
    counted = rows.values_list("status").annotate(number=Count("pk"))
    return {status: number for status, number in counted if status in states}


# What a row that breaks a rule is called by: a request, whatever row it is found in.
SUBJECTS = {
    Invocation: "request_id",
    Delivery: "invocation__request_id",
    MessageDelivery: "delivery_id",
}


def broken() -> dict[str, QuerySet[Any]]:
    """Return, by the rule that they break, the rows that must not be there."""
    return {
        NOTIFIES: _finished_without_their_delivery(),
        OWED: _deliveries_nobody_is_owed(),
        COUNTS: _attempts_that_do_not_add_up(Invocation.objects.order_by()),
        COUNTS_OF_MESSAGES: _attempts_that_do_not_add_up(
            MessageDelivery.objects.order_by()
        ),
        KNOWN: Invocation.objects.exclude(status__in=Invocation.Status.values),
        KNOWN_OF_NOTIFICATIONS: Delivery.objects.exclude(
            status__in=Delivery.Status.values
        ),
        KNOWN_OF_MESSAGES: MessageDelivery.objects.exclude(
            status__in=MessageDelivery.Status.values
        ),
    }


def _finished_without_their_delivery() -> QuerySet[Any]:
    told = Q(status=Invocation.Status.SUCCESS) & ~Q(config__on_success_kind="")
    warned = Q(status__in=(Invocation.Status.FAIL, Invocation.Status.DISCARD)) & ~Q(
        config__on_failure_kind=""
    )
    finished = Invocation.objects.filter(told | warned, config__isnull=False)
    return finished.filter(delivery=None)


def _deliveries_nobody_is_owed() -> QuerySet[Any]:
    """Return those whose request did not end so, or that no configuration asks for."""
    ended_well = Q(invocation__status=Invocation.Status.SUCCESS)
    of_success = ended_well & ~Q(invocation__config__on_success_kind="")
    of_failure = (
        Q(invocation__finished_at__isnull=False)
        & ~ended_well
        & ~Q(invocation__config__on_failure_kind="")
    )
    rows: QuerySet[Any] = Delivery.objects.exclude(
        Q(side=Side.SUCCESS) & of_success | Q(side=Side.FAILURE) & of_failure
    )
    return rows


def _attempts_that_do_not_add_up(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return rows whose attempts differ from the attempts on record."""
    numbered = Count("attempt_set", filter=Q(attempt_set__number__gt=0))
    counted: QuerySet[Any] = rows.annotate(recorded=numbered)
    return counted.exclude(attempts=F("recorded"))
