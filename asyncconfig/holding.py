"""What a back-up left unsettled is held until an operator releases or discards it.

A back-up does not know what happened after it: what was waiting may have run, what was
being sent may have arrived. So none of it goes on by itself. HELD is a state of its
own, which no claim, expiry or look for what is due reads; for a held row time stands
still.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from asyncconfig import clock, queue
from asyncconfig.decisions import endings
from asyncconfig.invocations import finishing, settling
from asyncconfig.models import Delivery, Invocation, MessageDelivery

ROWS = 200
NOBODY_WAITS = "The console was restored from a back-up; nobody waits for this call."
DISCARDED = "Discarded by {by} after a restore, without notifying."


@dataclass(frozen=True)
class HeldKind:
    """One kind of what can be held, and the queue that it goes on in."""

    name: str
    model: Any
    queue: str


REQUESTS = HeldKind("requests", Invocation, queue.INVOKE)
NOTIFICATIONS = HeldKind("notifications", Delivery, queue.DELIVER)
MESSAGES = HeldKind("messages", MessageDelivery, queue.NOTIFY)
KINDS = (REQUESTS, NOTIFICATIONS, MESSAGES)


def counts() -> dict[str, int]:
    """Return how many rows of each kind are held; each has a small index of its own."""
    return {kind.name: kind.model.objects.held().count() for kind in KINDS}


def hold(*, at: datetime) -> dict[str, int]:
    """Hold all that is unsettled, as of the moment of the back-up; return how many.

    No worker may run. Calls that somebody waited for end: nobody is waiting now. Doing
    it again holds what is left, so a kill at any point loses nothing.
    """
    _end_synchronous_calls()
    unsettled = Invocation.objects.exclude(status__in=(*Invocation.FINAL, "HELD"))
    unsettled.update(
        status=Invocation.Status.HELD,
        held_at=at,
        worker=None,
        started_at=None,
        epoch=F("epoch") + 1,
    )
    for model in (Delivery, MessageDelivery):
        going = (model.Status.WAIT, model.Status.SENDING)
        model.objects.filter(status__in=going).update(
            status=model.Status.HELD, held_at=at, worker=None, epoch=F("epoch") + 1
        )
    return counts()


def _end_synchronous_calls() -> None:
    rows = Invocation.objects.filter(mode=Invocation.Mode.SYNC, finished_at=None)
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS]):
        with transaction.atomic():
            for row in Invocation.objects.filter(pk__in=ids).without_bodies():
                finishing.finish_bare(row, error=NOBODY_WAITS, now=clock.now())


def release(kind: HeldKind) -> int:
    """Let held rows go on, a batch at a time; return how many.

    Due time and deadline move by as long as each was held, so that validity counts on
    from the moment of the back-up.
    """

    def let_go(ids: list[int], now: datetime) -> int:
        rows = kind.model.objects.held().filter(pk__in=ids)
        released = 0
        for held_at in set(rows.values_list("held_at", flat=True)):
            stood_still = now - held_at
            released += rows.filter(held_at=held_at).update(
                status=kind.model.Status.WAIT,
                due_at=F("due_at") + stood_still,
                deadline=F("deadline") + stood_still,
                held_at=None,
                epoch=F("epoch") + 1,
            )
        queue.ring(kind.queue)
        return released

    return _in_batches(kind, let_go)


def discard(kind: HeldKind, *, by: str, notify: bool = False) -> int:
    """End held rows for good, a batch at a time; return how many.

    `by` is the user name of who wants it. With `notify`, targets are told that the
    requests were cancelled; notifications and messages themselves are not sent.
    """
    silence = "" if notify else DISCARDED.format(by=by)

    def end_requests(ids: list[int], now: datetime) -> int:
        rows = Invocation.objects.held().filter(pk__in=ids).with_version().locked()
        return sum(
            settling.end(
                row,
                endings.cancelled(by, ran=row.attempts > 0),
                now=now,
                silence=silence,
            )
            for row in rows
        )

    def skip(ids: list[int], now: datetime) -> int:
        rows = kind.model.objects.held().filter(pk__in=ids)
        return int(
            rows.update(
                status=kind.model.Status.SKIPPED,
                reason=DISCARDED.format(by=by),
                finished_at=now,
            )
        )

    return _in_batches(kind, end_requests if kind is REQUESTS else skip)


def _in_batches(kind: HeldKind, act: Callable[[list[int], datetime], int]) -> int:
    """Do it to all that is held; what one batch has done stays when the next fails."""
    done, after = 0, 0
    while True:
        rows = kind.model.objects.held().filter(pk__gt=after).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:ROWS])
        if not ids:
            return done
        after = ids[-1]
        with transaction.atomic():
            done += act(ids, clock.now())
