"""Forget finished requests after RETENTION_DAYS, a few at a time."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from asyncconfig import clock, idempotency
from asyncconfig.models import Delivery, Invocation

ROWS = 200


def retire() -> int:
    """Delete old finished requests with their attempts and notifications.

    Rows are looked at in the order they were accepted, so that only the oldest are
    read. What a notification started stays until it is old itself.
    """
    idempotency.forget()
    retired = 0
    while batch := _retire_some():
        retired += batch
    return retired


def _retire_some() -> int:
    with transaction.atomic():
        cutoff = clock.now() - timedelta(days=settings.RETENTION_DAYS)
        oldest = Invocation.objects.filter(accepted_at__lt=cutoff).order_by("pk")
        done = oldest.exclude(finished_at=None).exclude(
            delivery__in=Delivery.objects.filter(finished_at=None)
        )
        ids = list(done.values_list("pk", flat=True)[:ROWS])
        Invocation.objects.filter(source__invocation__in=ids).update(source=None)
        Delivery.objects.filter(invocation__in=ids).delete()
        Invocation.objects.filter(pk__in=ids).delete()
    return len(ids)
