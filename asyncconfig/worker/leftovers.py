"""What nobody needs now, beside requests: rows of old workers, ended sessions.

Each chore takes a few rows in a transaction of its own and returns how many; 0 says
that nothing is left.
"""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import Exists, OuterRef

from asyncconfig import clock
from asyncconfig.models import Delivery, Invocation, MessageDelivery, Worker

ROWS = 50


def forget_workers() -> int:
    """Delete workers that stopped RETENTION_DAYS ago and hold nothing.

    Their attempts have their names.
    """
    cutoff = clock.now() - timedelta(days=settings.RETENTION_DAYS)
    old = Worker.objects.filter(stopped_at__lt=cutoff)
    for held in (Invocation, Delivery, MessageDelivery):
        old = old.exclude(Exists(held.objects.filter(worker=OuterRef("pk"))))
    return _delete(old)


def forget_sessions() -> int:
    """Delete sessions that are over."""
    return _delete(Session.objects.filter(expire_date__lt=clock.now()))


def _delete(rows: models.QuerySet[models.Model]) -> int:
    with transaction.atomic():
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS])
        rows.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


CHORES: tuple[Callable[[], int], ...] = (forget_workers, forget_sessions)
