"""Forget finished requests and messages after RETENTION_DAYS, a few at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from asyncconfig import clock, idempotency
from asyncconfig.models import Delivery, Invocation, Message, Notification

ROWS = 200
# A message may be owed to a thousand subscribers.
MESSAGES = 20


def retire() -> int:
    """Delete old finished requests and messages with all that belongs to them.

    Rows are looked at in the order they were made, so that only the oldest are read.
    What a notification started stays until it is old itself.
    """
    idempotency.forget()
    return sum(
        _until_none_is_left(some) for some in (_invocations, _messages, _invitations)
    )


def _until_none_is_left(some: Callable[[datetime], int]) -> int:
    retired = 0
    while True:
        with transaction.atomic():
            batch = some(clock.now() - timedelta(days=settings.RETENTION_DAYS))
        if not batch:
            return retired
        retired += batch


def _invocations(cutoff: datetime) -> int:
    oldest = Invocation.objects.filter(accepted_at__lt=cutoff).order_by("pk")
    done = oldest.exclude(finished_at=None).exclude(
        delivery__in=Delivery.objects.filter(finished_at=None)
    )
    ids = list(done.values_list("pk", flat=True)[:ROWS])
    Invocation.objects.filter(source__invocation__in=ids).update(source=None)
    Delivery.objects.filter(invocation__in=ids).delete()
    Invocation.objects.filter(pk__in=ids).delete()
    return len(ids)


def _messages(cutoff: datetime) -> int:
    oldest = Message.objects.filter(created_at__lt=cutoff).order_by("pk")
    owed = Notification.objects.filter(finished_at=None, message__isnull=False)
    done = oldest.exclude(pk__in=owed.values("message"))
    ids = list(done.values_list("pk", flat=True)[:MESSAGES])
    Message.objects.filter(pk__in=ids).delete()
    return len(ids)


def _invitations(cutoff: datetime) -> int:
    """Forget requests to confirm, which belong to no message."""
    old = Notification.objects.filter(message=None, created_at__lt=cutoff)
    ids = list(old.exclude(finished_at=None).values_list("pk", flat=True)[:ROWS])
    Notification.objects.filter(pk__in=ids).delete()
    return len(ids)
