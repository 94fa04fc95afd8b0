"""The lane of deliveries: outbox rows on their way to their targets."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import translation

from asyncconfig import agencies, clock, queue
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Delivery, DeliveryAttempt, Worker

MOST_ANSWER = 4000


@dataclass(eq=False)
class Claim:
    """A delivery on its way through a slot."""

    delivery: Delivery
    epoch: int


@dataclass(frozen=True)
class Answer:
    """What a try came to; `permanent` when trying again cannot help."""

    succeeded: bool
    text: str
    duration_ms: float
    permanent: bool = False


class DeliverLane:
    """Deliveries: claimed oldest first, sent in slots, retried with back-off."""

    name = queue.DELIVER

    def is_anything_due(self) -> bool:
        return Delivery.objects.waiting().filter(due_at__lte=clock.now()).exists()

    def claim(self, worker: Worker, *, free: int, ahead: int) -> list[Claim]:
        rows = Delivery.objects.waiting().filter(due_at__lte=clock.now())
        rows = rows.select_related(
            "invocation__function", "invocation__version__function__project"
        ).defer("invocation__payload", "invocation__result")
        rows = rows.select_related("invocation__version__agency")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        claims = []
        for delivery in rows.order_by("due_at", "pk")[: free + ahead]:
            taken = Delivery.objects.waiting().filter(
                pk=delivery.pk, epoch=delivery.epoch
            )
            if taken.update(
                status=Delivery.Status.SENDING, epoch=F("epoch") + 1, worker=worker
            ):
                claims.append(Claim(delivery, delivery.epoch + 1))
        return claims

    def run(self, item: Claim) -> Answer | None:
        """Send outside of any transaction; None when sending belongs inside one."""
        if KINDS[item.delivery.kind].in_transaction:
            return None
        return _attempt(item.delivery)

    def settle(
        self, worker: Worker, done: Sequence[tuple[Claim, Answer | None]]
    ) -> None:
        now = clock.now()
        for claim, answer in done:
            held = Delivery.objects.sending().filter(
                pk=claim.delivery.pk, epoch=claim.epoch, worker=worker
            )
            if answer is None:
                answer = _attempt(claim.delivery) if held.exists() else _TOO_LATE
            _settle_one(held, claim, answer, worker, now)

    def spoil(self, item: Claim, error: Exception) -> Answer:
        return Answer(False, f"{type(error).__name__}: {error}", 0)

    def release(self, worker: Worker, items: Sequence[Claim]) -> None:
        for item in items:
            held = Delivery.objects.sending().filter(
                pk=item.delivery.pk, epoch=item.epoch, worker=worker
            )
            held.update(status=Delivery.Status.WAIT, epoch=F("epoch") + 1, worker=None)
        queue.ring(queue.DELIVER)

    def tend(self, worker: Worker, started: Sequence[Claim]) -> None:
        """Nothing is due: deliveries cannot be cancelled."""

    def seconds_to_next(self, *, after: datetime) -> float | None:
        later = Delivery.objects.waiting().filter(due_at__gt=after).order_by("due_at")
        first = later.values_list("due_at", flat=True).first()
        return (first - clock.now()).total_seconds() if first else None

    def is_fast(self, item: Claim) -> bool:
        return KINDS[item.delivery.kind].in_transaction

    def ahead(self, slots: int) -> int:
        return 0

    def abandon(self) -> None:
        """A try under way cannot be called back; its epoch makes it harmless."""

    def close(self) -> None:
        """Nothing is held."""


_TOO_LATE = Answer(False, "Another worker has taken this delivery over.", 0)


def _attempt(delivery: Delivery) -> Answer:
    """Send once; a failure of the target is an answer."""
    began = time.monotonic()
    permanent = False
    # What is stored is English, whatever language this process started with.
    with translation.override("en"):
        try:
            text, succeeded = _send(delivery), True
        except DeliveryError as error:
            text, succeeded, permanent = str(error), False, error.permanent
    milliseconds = (time.monotonic() - began) * 1000
    return Answer(succeeded, text[:MOST_ANSWER], milliseconds, permanent)


def _send(delivery: Delivery) -> str:
    destination = KINDS[delivery.kind]
    version = delivery.invocation.version
    missing = agencies.missing(version.agency, destination.action)
    if missing:
        raise DeliveryError(missing, permanent=True)
    if not destination.in_transaction:
        return destination.send(delivery)
    with transaction.atomic():
        return destination.send(delivery)


def _settle_one(
    held: QuerySet[Delivery],
    claim: Claim,
    answer: Answer,
    worker: Worker,
    now: datetime,
) -> None:
    delivery = claim.delivery
    number = delivery.attempts + 1
    after = _after(delivery, answer, number=number, now=now)
    moved = held.update(attempts=number, worker=None, **after)
    DeliveryAttempt.objects.create(
        delivery=delivery,
        number=number if moved else 0,
        epoch=claim.epoch,
        started_at=now - timedelta(milliseconds=answer.duration_ms),
        duration_ms=answer.duration_ms,
        succeeded=answer.succeeded,
        is_late=not moved,
        answer=answer.text,
        worker_name=worker.name,
    )


def _after(
    delivery: Delivery, answer: Answer, *, number: int, now: datetime
) -> dict[str, Any]:
    """Return the fields after the n-th try: delivered, later again, or given up."""
    if answer.succeeded:
        return {
            "status": Delivery.Status.DELIVERED,
            "reason": "",
            "finished_at": now,
        }
    due_at = now + timedelta(seconds=delay(number))
    if answer.permanent or due_at > delivery.deadline:
        return {
            "status": Delivery.Status.FAILED,
            "reason": answer.text,
            "finished_at": now,
        }
    return {"status": Delivery.Status.WAIT, "reason": answer.text, "due_at": due_at}


def delay(failures: int) -> float:
    """Return the seconds to wait after the n-th failed try."""
    doubled = settings.DELIVERY_RETRY_BASE_SECONDS * 2 ** min(failures - 1, 40)
    return float(min(doubled, settings.DELIVERY_RETRY_CAP_SECONDS))


def resend(delivery: Delivery) -> bool:
    """Send a finished delivery again, or a waiting one at once; False if under way.

    The record and its id stay, so a target can tell it is the same. For a target
    that is a function the earlier acceptance stands: it is not run a second time.
    """
    now = clock.now()
    again = Delivery.objects.filter(
        pk=delivery.pk, status__in=(Delivery.Status.FAILED, Delivery.Status.WAIT)
    )
    queue.ring(queue.DELIVER)
    return bool(
        again.update(
            status=Delivery.Status.WAIT,
            due_at=now,
            deadline=now + timedelta(seconds=settings.DELIVERY_RETRY_FOR_SECONDS),
            finished_at=None,
            epoch=F("epoch") + 1,
        )
    )
