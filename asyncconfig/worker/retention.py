"""Forget finished requests and messages after RETENTION_DAYS, a few at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

from django.conf import settings
from django.db import models, transaction

from asyncconfig import clock
from asyncconfig.invocations import idempotency
from asyncconfig.models import Delivery, Invocation, Message, MessageDelivery
from asyncconfig.models.outbox import Outbound
from asyncconfig.worker import leftovers

ROWS = 50
# A message may be owed to a thousand subscribers.
MESSAGES = 5


class Old:
    """The old rows of a table, a batch at a time, in the order they were made.

    Ids go with time, so the first young row ends a round; nothing behind it is read,
    and of the old ones their dates only. The next round begins with the oldest again.
    """

    def __init__(self, model: type[models.Model], made: str, *, rows: int) -> None:
        self._model = model
        self._made = made
        self._rows = rows
        self._after = 0

    def next(self) -> list[int]:
        """Return the ids of the next batch; nothing at the end of a round."""
        cutoff = clock.now() - timedelta(days=settings.RETENTION_DAYS)
        rows = self._model._default_manager.filter(pk__gt=self._after).order_by("pk")
        dated: list[tuple[int, datetime]] = list(
            rows.values_list("pk", self._made)[: self._rows]
        )
        ids = [pk for pk, _made in takewhile(lambda row: row[1] < cutoff, dated)]
        self._after = ids[-1] if ids else 0
        return ids


old_invocations = Old(Invocation, "accepted_at", rows=ROWS)
old_messages = Old(Message, "created_at", rows=MESSAGES)


def forget_keys() -> int:
    return idempotency.forget()


def forget_invocations() -> int:
    """Delete old requests that are finished and owe nothing, with all of theirs.

    What a notification started stays until it is old itself.
    """
    ids = old_invocations.next()
    if not ids:
        return 0
    with transaction.atomic():
        finished = Invocation.objects.filter(pk__in=ids).exclude(finished_at=None)
        # Locked, so that nobody sends one again meanwhile.
        owed = Delivery.objects.filter(invocation__in=ids).order_by("pk")
        told = list(owed.select_for_update().values_list("pk", "invocation", "status"))
        owing = {row for _pk, row, status in told if status in Outbound.OPEN}
        gone = set(finished.values_list("pk", flat=True)) - owing
        arrived = [pk for pk, row, _status in told if row in gone]
        Invocation.objects.filter(source_delivery__in=arrived).update(
            source_delivery=None
        )
        Delivery.objects.filter(pk__in=arrived).only("pk").delete()
        Invocation.objects.filter(pk__in=gone).only("pk").delete()
    return len(ids)


def forget_messages() -> int:
    ids = old_messages.next()
    if not ids:
        return 0
    with transaction.atomic():
        owed = MessageDelivery.objects.filter(message__in=ids, status__in=Outbound.OPEN)
        kept = set(owed.values_list("message", flat=True))
        gone = [pk for pk in ids if pk not in kept]
        Message.objects.filter(pk__in=gone).only("pk").delete()
    return len(ids)


def forget_invitations() -> int:
    """Forget requests to confirm, which belong to no message."""
    cutoff = clock.now() - timedelta(days=settings.RETENTION_DAYS)
    old = MessageDelivery.objects.filter(message=None, created_at__lt=cutoff)
    ids = list(old.exclude(finished_at=None).values_list("pk", flat=True)[:ROWS])
    with transaction.atomic():
        MessageDelivery.objects.filter(pk__in=ids).only("pk").delete()
    return len(ids)


CHORES: tuple[Callable[[], int], ...] = (
    forget_keys,
    forget_invocations,
    forget_messages,
    forget_invitations,
    *leftovers.CHORES,
)


def retire() -> None:
    """Forget all that is old enough now."""
    for chore in CHORES:
        while chore():
            pass
