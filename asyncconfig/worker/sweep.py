"""What nobody else notices: dead workers, requests too old, functions gone.

Every worker sweeps once a second. Each chore takes one small batch in a transaction
of its own, so that claims and accepts come in between, two sweepers at once do no
harm, and a kill loses nothing.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from asyncconfig import clock, queue, troubles
from asyncconfig.decisions import endings
from asyncconfig.invocations import settling
from asyncconfig.models import Attempt, Delivery, Invocation, MessageDelivery, Worker
from asyncconfig.models.invocation import InvocationQuerySet
from asyncconfig.worker.jumps import Jumps
from functions.models import Function, Version

logger = logging.getLogger(__name__)

ROWS = 20
# So long a batch may keep others from writing, in seconds.
BATCH_SECONDS = 0.03
MAX_SENSELESS_ROWS = 1000
Act = Callable[[Invocation, datetime], None]
OUTBOXES: dict[str, type[Delivery] | type[MessageDelivery]] = {
    queue.DELIVER: Delivery,
    queue.NOTIFY: MessageDelivery,
}


class _Senseless:
    """Requests that nothing can be done to; said once, and left out from then on."""

    def __init__(self) -> None:
        self._ids: OrderedDict[int, None] = OrderedDict()

    def add(self, pk: int) -> None:
        logger.exception("Request %d cannot even be ended; it is left out.", pk)
        self._ids[pk] = None
        while len(self._ids) > MAX_SENSELESS_ROWS:
            self._ids.popitem(last=False)

    def left_out(self, rows: InvocationQuerySet) -> InvocationQuerySet:
        return rows.exclude(pk__in=list(self._ids)) if self._ids else rows


jumps = Jumps()
senseless = _Senseless()


def mark_dead() -> int:
    """Declare workers dead whose lease is over; what they hold is free from then on.

    One statement: who renews at the same moment has either renewed or is dead.
    """
    if not jumps.are_leases_true():
        return 0
    now = clock.now()
    # Reads first: on SQLite even an update of nothing waits for the turn to write.
    if not Worker.objects.dead(now).exists():
        return 0
    with transaction.atomic():
        dead = Worker.objects.dead(now).update(stopped_at=now)
    if dead:
        logger.warning("%d workers died: their leases were not renewed.", dead)
    return dead


def free_invocations() -> int:
    """Give back what dead workers hold, with a lost attempt.

    One that stalled may have claimed in the moment it was marked dead, or after it.
    """
    held = Invocation.objects.running().filter(worker__stopped_at__isnull=False)
    return _deal_with(held.select_related("worker"), _requeue)


def _requeue(invocation: Invocation, now: datetime) -> None:
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
    settling.requeue(invocation, now=now, started=bool(started_at))


def free_outboxes() -> int:
    """Give back what dead couriers hold."""
    return sum(_free(name, model) for name, model in OUTBOXES.items())


def _free(name: str, model: type[Delivery] | type[MessageDelivery]) -> int:
    held = model.objects.sending().filter(worker__stopped_at__isnull=False)
    found = dict(held.values_list("pk", "worker")[:ROWS])
    if not found:
        return 0
    with transaction.atomic():
        # Named by their own columns, which are looked at again once they are locked.
        same = model.objects.sending().filter(
            pk__in=list(found), worker__in=set(found.values())
        )
        same.update(status=Delivery.Status.WAIT, worker=None, epoch=F("epoch") + 1)
        queue.ring(name)
    return len(found)


def expire() -> int:
    """End requests whose validity period is over, the oldest first."""
    over = Invocation.objects.waiting().filter(deadline__lt=clock.now())
    return _deal_with(over.order_by("deadline"), _end)


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
    ended = 0
    if gone := list(functions.values_list("pk", flat=True)[:ROWS]):
        ended += _deal_with(waiting.filter(function__in=gone), _end)
    if stale := dict(versions.values_list("pk", "function")[:ROWS]):
        rows = waiting.filter(function__in=set(stale.values()), version__in=list(stale))
        ended += _deal_with(rows, _end)
    return ended


def _end(invocation: Invocation, now: datetime) -> None:
    settling.end_if_over(invocation, now=now)


def _deal_with(rows: InvocationQuerySet, act: Act) -> int:
    """Do something to some rows that nobody else deals with; return to how many.

    One that makes no sense ends with a sentence, and is no obstacle to the others.
    """
    rows = senseless.left_out(rows)
    if not rows.exists():
        return 0  # Without a transaction, which would take the turn to write.
    ends = time.monotonic() + BATCH_SECONDS
    dealt_with = 0
    with transaction.atomic():
        now = clock.now()
        for invocation in rows.with_version().locked_if_free()[:ROWS]:
            _deal_with_one(invocation, act, now)
            dealt_with += 1
            if time.monotonic() > ends:
                break
    return dealt_with


def _deal_with_one(invocation: Invocation, act: Act, now: datetime) -> None:
    try:
        with transaction.atomic():
            act(invocation, now)
    except Exception as error:
        if troubles.is_passing(error):
            raise
        logger.exception("%s makes no sense; it is ended.", invocation)
        _end_in_words(invocation.pk, error, now)


def _end_in_words(pk: int, reason: Exception, now: datetime) -> None:
    text = f"The request makes no sense: {troubles.in_words(reason)}"
    try:
        with transaction.atomic():
            # As it is stored, not as the failure left it.
            same = Invocation.objects.with_version().get(pk=pk)
            settling.end(same, endings.system_error(text), now=now)
    except Exception as error:
        if troubles.is_passing(error):
            raise
        senseless.add(pk)


def ring_again() -> int:
    """Wake a worker for what has been due for a while and nobody took."""
    overdue = Q(due_at__lt=clock.now())
    if Invocation.objects.waiting().filter(overdue).exists():
        queue.ring_now(queue.INVOKE, force=True)
    for name, model in OUTBOXES.items():
        if model.objects.waiting().filter(overdue).exists():
            queue.ring_now(name, force=True)
    return 0


CHORES: tuple[Callable[[], int], ...] = (
    mark_dead,
    free_invocations,
    free_outboxes,
    expire,
    end_unavailable,
    ring_again,
)


def sweep() -> None:
    """Do every chore until nothing is left, for who does not want to wait."""
    for chore in CHORES:
        while chore():
            pass
