"""The lane of outgoing things: claimed fairly, sent in slots, tried again later."""

import logging
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import translation

from asyncconfig import clock, queue, troubles
from asyncconfig.decisions.record import storable
from asyncconfig.exceptions import DeliveryError
from asyncconfig.lanes import turns
from asyncconfig.lanes.turns import Room, Turns, Window, by_turns
from asyncconfig.models import Worker
from asyncconfig.models.outbox import (
    MAX_REFERENCE_CHARACTERS,
    Outbound,
    OutboundAttempt,
)
from asyncconfig.receipt import Receipt

logger = logging.getLogger(__name__)

MAX_ANSWER_CHARACTERS = 4000
# Rows that are written here and done in one transaction: few enough, and for so
# short, that others wait neither for their answers nor for the database.
FIRST_AT_ONCE = 8
MAX_ROWS_AT_ONCE = 50
MAX_WRITING_SECONDS = 0.2

Row = TypeVar("Row", bound=Outbound)


@dataclass(eq=False)
class OutboundClaim(Generic[Row]):
    """A row on its way through a slot."""

    row: Row
    epoch: int
    is_written_here: bool


@dataclass(frozen=True)
class TryResult:
    """What a try came to; `permanent` when trying again cannot help."""

    succeeded: bool
    text: str
    duration_ms: float
    permanent: bool = False
    reference: str = ""


Done = tuple[OutboundClaim[Row], TryResult | None]
TOO_LATE = TryResult(False, "Another worker has taken this over.", 0)


class OutboxLane(Generic[Row]):
    """A lane (see `lane.Lane`) over one table of outgoing rows.

    Targets take turns (see `turns`), so that neither a slow one nor a full one
    starves another.
    """

    name: str
    model: type[Row]
    attempts: type[OutboundAttempt]  # the subclass whose `row` is one of `model`

    def __init__(self) -> None:
        self._turns: Turns[Row] = Turns()
        self._fits = FIRST_AT_ONCE

    # What differs.

    @abstractmethod
    def related(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows with all that sending them needs."""

    @abstractmethod
    def is_written_here(self, row: Row) -> bool:
        """Say whether sending is a write to our database, done while settling."""

    @abstractmethod
    def send(self, row: Row) -> Receipt:
        """Send; raises DeliveryError."""

    # The lane.

    @property
    def _rows(self) -> Any:
        return self.model._default_manager.all()

    def traits(self) -> dict[str, object]:
        return {}

    def is_anything_due(self) -> bool:
        return bool(self._rows.due(clock.now()).exists())

    def claim(
        self, worker: Worker, *, free: int, ahead: int
    ) -> list[OutboundClaim[Row]]:
        held = self._rows.sending().filter(worker=worker)
        taken = Counter(held.values_list("target_key", flat=True))
        room = Room(worker.slots, free, ahead, taken, self._turns.known)
        now = clock.now()
        due = turns.groups_due(self.model, "target_key", now)
        windows = self._turns.look(due, room)
        here = {row: self.is_written_here(row) for row in self._found(windows, now)}
        claims = [
            OutboundClaim(row, row.epoch + 1, here[row])
            for row in self._turns.deal(windows, here.items(), room)
        ]
        # Locked on PostgreSQL, and on SQLite nobody else writes: all are ours.
        chosen = self._rows.waiting().filter(pk__in=[one.row.pk for one in claims])
        chosen.update(
            status=Outbound.Status.SENDING, worker=worker, epoch=F("epoch") + 1
        )
        return claims

    def _found(self, windows: list[Window], now: datetime) -> list[Row]:
        """Return due rows, locked: one of each target in turn, the oldest first."""
        ids: dict[int, None] = {}
        for one in windows:
            hands = [self._due(key, now, one.share) for key in one.keys]
            ids |= dict.fromkeys(by_turns(hands)[: one.most])
        rows = self.related(self._rows.waiting().filter(pk__in=ids))
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        found = {row.pk: row for row in rows}
        return [found[pk] for pk in ids if pk in found]

    def _due(self, key: str, now: datetime, most: int) -> list[int]:
        rows = self._rows.due(now).filter(target_key=key)
        return list(rows.values_list("pk", flat=True)[:most])

    def run(self, item: OutboundClaim[Row]) -> TryResult | None:
        """Send outside of any transaction; None when sending belongs inside one."""
        if item.is_written_here:
            return None
        try:
            return self._attempt(item)
        except DatabaseError as error:
            if not connection.is_usable():
                connection.close()
            return self.unstorable(item, error)

    def settle(self, worker: Worker, done: Sequence[Done[Row]]) -> Sequence[Done[Row]]:
        """Move rows on; what is written here and is too much for now, is returned."""
        if not done:
            return ()
        now = clock.now()
        ends = time.monotonic() + MAX_WRITING_SECONDS
        written = 0
        left, tries = [], []
        known = self._still_there([claim.row.pk for claim, _answer in done])
        # In one order everywhere: what is written here may lock its target.
        for claim, answer in sorted(done, key=lambda one: one[0].row.target_key):
            if claim.row.pk not in known:
                continue
            held = self._rows.sending().filter(
                pk=claim.row.pk, epoch=claim.epoch, worker=worker
            )
            if answer is None:
                if written and time.monotonic() > ends:
                    left.append((claim, answer))
                    continue
                written += 1
                answer = self._attempt(claim) if held.exists() else TOO_LATE
            else:
                self._turns.known.tried(
                    claim.row.target_key,
                    succeeded=answer.succeeded,
                    duration_ms=answer.duration_ms,
                )
            tries.append(self._settle_one(held, claim, answer, worker, now))
        self.attempts._default_manager.bulk_create(tries)
        self._fit(written, is_all=not left)
        return left

    def _fit(self, written: int, *, is_all: bool) -> None:
        """Learn how many rows fit into MAX_WRITING_SECONDS, here and now."""
        if not is_all:
            self._fits = max(written, 1)
        elif written >= self._fits:
            self._fits = min(self._fits * 2, MAX_ROWS_AT_ONCE)

    def _still_there(self, ids: list[int]) -> set[int]:
        """Return which rows nobody deleted meanwhile, and keep it so."""
        rows = self._rows.filter(pk__in=ids).order_by("pk").select_for_update()
        return set(rows.values_list("pk", flat=True))

    def _attempt(self, claim: OutboundClaim[Row]) -> TryResult:
        """Send once; a failure of the target is an answer, and so is one of ours."""
        began = time.monotonic()
        permanent, reference = False, ""
        # What is stored is English, whatever language this process started with.
        with translation.override("en"):
            try:
                receipt = self._send(claim)
                text, reference, succeeded = receipt.text, receipt.reference, True
            except DeliveryError as error:
                text, succeeded, permanent = str(error), False, error.permanent
            except DatabaseError:
                raise  # Ours, not the target's: the caller knows whether it passes.
            except Exception as error:
                logger.exception("%s could not be sent.", claim.row)
                text, succeeded = f"{type(error).__name__}: {error}", False
        milliseconds = (time.monotonic() - began) * 1000
        return TryResult(
            succeeded,
            storable(text)[:MAX_ANSWER_CHARACTERS],
            milliseconds,
            permanent,
            storable(reference)[:MAX_REFERENCE_CHARACTERS],
        )

    def _send(self, claim: OutboundClaim[Row]) -> Receipt:
        if not claim.is_written_here:
            return self.send(claim.row)
        with transaction.atomic():
            return self.send(claim.row)

    def _settle_one(
        self,
        held: QuerySet[Row],
        claim: OutboundClaim[Row],
        answer: TryResult,
        worker: Worker,
        now: datetime,
    ) -> OutboundAttempt:
        """Move the row on, if it is still held; return the try as it was."""
        number = claim.row.attempts + 1
        after = _after(claim.row, answer, number=number, now=now)
        moved = held.update(attempts=number, worker=None, asked_by="", **after)
        return self.attempts(
            **{"row": claim.row},
            number=number if moved else 0,
            epoch=claim.epoch,
            started_at=now - timedelta(milliseconds=answer.duration_ms),
            duration_ms=answer.duration_ms,
            succeeded=answer.succeeded,
            is_late=not moved,
            answer=answer.text,
            asked_by=claim.row.asked_by,
            worker_name=worker.name,
        )

    def unstorable(self, item: OutboundClaim[Row], error: Exception) -> TryResult:
        return TryResult(False, storable(troubles.in_words(error)), 0)

    def give_up(self, item: OutboundClaim[Row], error: Exception) -> None:
        """Make it a dead letter: no try of it can be stored."""
        text = f"Its try could not be stored: {troubles.in_words(error)}"
        held = self._rows.sending().filter(pk=item.row.pk, epoch=item.epoch)
        held.update(
            status=Outbound.Status.FAILED,
            reason=storable(text),
            worker=None,
            finished_at=clock.now(),
        )

    def release(self, worker: Worker, items: Sequence[OutboundClaim[Row]]) -> None:
        for item in items:
            held = self._rows.sending().filter(
                pk=item.row.pk, epoch=item.epoch, worker=worker
            )
            _give_back(held)
        queue.ring(self.name)

    def tick(
        self,
        worker: Worker,
        *,
        held: Sequence[OutboundClaim[Row]],
        started: Sequence[OutboundClaim[Row]],
    ) -> None:
        """Free what nobody here knows of; what is owed cannot be cancelled."""
        mine = self._rows.sending().filter(worker=worker)
        strays = mine.exclude(pk__in=[item.row.pk for item in held])
        if strays.exists():
            _give_back(strays)

    def seconds_to_next(self, *, after: datetime) -> float | None:
        left: float | None = self._rows.seconds_to_next(after=after, now=clock.now())
        return left

    def is_fast(self, item: OutboundClaim[Row]) -> bool:
        return item.is_written_here

    def needs_slot(self, item: OutboundClaim[Row]) -> bool:
        return not item.is_written_here

    def ahead(self, slots: int) -> int:
        return self._fits

    def kill(self) -> None:
        """A try under way cannot be called back; its epoch makes it harmless."""

    def close(self) -> None:
        """Nothing is held."""


def _give_back(held: QuerySet[Any]) -> None:
    """Let somebody else have rows that were not tried."""
    held.update(status=Outbound.Status.WAIT, epoch=F("epoch") + 1, worker=None)


def _after(
    row: Outbound, answer: TryResult, *, number: int, now: datetime
) -> dict[str, Any]:
    """Return the fields after the n-th try: delivered, later again, or given up."""
    if answer.succeeded:
        return {
            "status": Outbound.Status.DELIVERED,
            "reason": "",
            "reference": answer.reference,
            "finished_at": now,
        }
    due_at = now + timedelta(seconds=delay(number))
    # A try that could only begin after the deadline is not waited for.
    is_spent = due_at > row.deadline
    if not (answer.permanent or is_spent):
        return {"status": Outbound.Status.WAIT, "reason": answer.text, "due_at": due_at}
    spent = f" Given up after {number} tries." if is_spent else ""
    return {
        "status": Outbound.Status.FAILED,
        "reason": answer.text + spent,
        "finished_at": now,
    }


def delay(failures: int) -> float:
    """Return the seconds to wait after the n-th failed try."""
    doubled = settings.DELIVERY_RETRY_BASE_SECONDS * 2 ** min(failures - 1, 40)
    return float(min(doubled, settings.DELIVERY_RETRY_CAP_SECONDS))
