"""What nobody else notices: dead workers, requests too old, functions gone.

Every worker sweeps once a second; each step takes a few rows in a transaction of
its own, so two sweepers at once do no harm and a kill loses nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from asyncconfig import clock, queue, settling
from asyncconfig.models import Attempt, Delivery, Invocation, Notification, Worker
from asyncconfig.models.invocation import InvocationQuerySet
from functions.models import Function, Version

ROWS = 200
OUTBOXES: dict[str, type[Delivery] | type[Notification]] = {
    queue.DELIVER: Delivery,
    queue.NOTIFY: Notification,
}


def sweep() -> None:
    """Do each chore until nothing is left of it."""
    for chore in (_free_dead_workers, _free_dead_couriers, _expire, end_unavailable):
        while chore() == ROWS:
            pass
    _ring_again()


def _related(rows: InvocationQuerySet) -> InvocationQuerySet:
    return rows.with_version().locked_if_free().order_by("pk")


def _free_dead_workers() -> int:
    """Give back what workers held whose lease is over, with a lost attempt."""
    if not _is_anyone_gone(queue.INVOKE, Invocation.objects.running()):
        return 0
    with transaction.atomic():
        now = clock.now()
        workers = list(Worker.objects.dead(now).filter(queue=queue.INVOKE))
        held = Invocation.objects.running().filter(_held_by_gone(now))
        rows = list(_related(held).select_related("worker")[:ROWS])
        for invocation in rows:
            _lose(invocation, now)
        if len(rows) < ROWS:
            _bury(workers, now)
    return len(rows)


def _is_anyone_gone(name: str, held: QuerySet[Any]) -> bool:
    """Say whether a worker is dead, or one that is buried holds something."""
    dead = Worker.objects.dead(clock.now()).filter(queue=name)
    return dead.exists() or held.filter(worker__stopped_at__isnull=False).exists()


def _held_by_gone(now: datetime) -> Q:
    """Return what dead workers hold, and buried ones.

    One that stalled may have claimed in the moment it was buried, or after it.
    """
    return Q(worker__stopped_at__isnull=False) | Q(worker__lease_until__lte=now)


def _lose(invocation: Invocation, now: datetime) -> None:
    started_at = invocation.started_at
    if started_at:
        Attempt.objects.create(
            invocation=invocation,
            number=0,
            epoch=invocation.epoch,
            kind=Attempt.Kind.LOST,
            error=settling.WORKER_LOST,
            worker_name=invocation.worker.name if invocation.worker else "",
            due_at=invocation.due_at,
            started_at=started_at,
            finished_at=now,
            duration_ms=(now - started_at).total_seconds() * 1000,
        )
    settling.lose(invocation, now=now, started=bool(started_at))


def _bury(workers: list[Worker], now: datetime) -> None:
    """Mark workers as stopped that hold nothing any more."""
    buried = Worker.objects.dead(now).filter(pk__in=[worker.pk for worker in workers])
    running = Invocation.objects.running().filter(worker=OuterRef("pk"))
    sending = Delivery.objects.sending().filter(worker=OuterRef("pk"))
    notifying = Notification.objects.sending().filter(worker=OuterRef("pk"))
    idle = buried.exclude(Exists(running) | Exists(sending) | Exists(notifying))
    idle.update(stopped_at=now)


def _free_dead_couriers() -> int:
    for name, model in OUTBOXES.items():
        if _is_anyone_gone(name, model.objects.sending()):
            _free_couriers(name, model)
    return 0


@transaction.atomic
def _free_couriers(name: str, model: type[Delivery] | type[Notification]) -> None:
    now = clock.now()
    workers = list(Worker.objects.dead(now).filter(queue=name))
    held = model.objects.sending().filter(_held_by_gone(now))
    held.update(status=Delivery.Status.WAIT, worker=None, epoch=F("epoch") + 1)
    _bury(workers, now)
    queue.ring(name)


def _expire() -> int:
    """End requests whose validity period is over."""
    return _end(lambda now: Q(deadline__lt=now))


def end_unavailable() -> int:
    """End what waits for a function or version that is deleted or disabled."""
    waiting = Invocation.objects.waiting()
    functions = Function.objects.filter(
        Q(deleted_at__isnull=False) | Q(max_instances=0),
        Exists(waiting.filter(function=OuterRef("pk"))),
    )
    versions = Version.objects.filter(
        Exists(waiting.filter(function=OuterRef("function"), version=OuterRef("pk"))),
        deleted_at__isnull=False,
    )
    gone = list(functions.values_list("pk", flat=True)[:ROWS])
    stale = list(versions.values_list("pk", flat=True)[:ROWS])
    if not (gone or stale):
        return 0
    return _end(lambda now: Q(function__in=gone) | Q(version__in=stale))


def _end(which: Callable[[datetime], Q]) -> int:
    condition = which(clock.now())
    if not Invocation.objects.waiting().filter(condition).exists():
        return 0
    with transaction.atomic():
        now = clock.now()
        rows = list(_related(Invocation.objects.waiting().filter(condition))[:ROWS])
        for invocation in rows:
            ending = settling.ending_before_run(invocation, now)
            if ending:
                settling.end(invocation, ending, now=now)
    return len(rows)


def _ring_again() -> None:
    """Wake a worker for what has been due for a while and nobody took."""
    overdue = Q(due_at__lt=clock.now())
    if Invocation.objects.waiting().filter(overdue).exists():
        queue.ring_now(queue.INVOKE, force=True)
    for name, model in OUTBOXES.items():
        if model.objects.waiting().filter(overdue).exists():
            queue.ring_now(name, force=True)
