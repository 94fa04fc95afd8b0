"""The lane of invocations: what a worker claims, runs and gives back."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from asyncconfig import clock, queue, troubles
from asyncconfig.decisions import endings
from asyncconfig.invocations import settling
from asyncconfig.lanes import turns
from asyncconfig.models import Invocation, Worker
from functions.models import Function
from functions.running import Runner
from functions.runtime import Call, Kind, Outcome, Spec

logger = logging.getLogger(__name__)

FAST_SECONDS = 0.05
MAX_ROWS_AHEAD = 50
FUNCTIONS_AT_ONCE = 32
WEIGHT_OF_NEWEST = 0.2


@dataclass(eq=False)
class InvocationClaim:
    """A claimed invocation on its way through a slot."""

    invocation_id: int
    version_id: int
    epoch: int
    spec: Spec | Outcome  # or why it cannot be run
    call: Call
    is_noted: bool  # whether the row says that it has started


class InvokeLane:
    """Invocations: claimed fairly across functions, run in warm instances."""

    name = queue.INVOKE

    def __init__(self) -> None:
        self._runner = Runner(root=settings.RUNTIME_DIR)
        self._last_served = 0
        self._seconds: dict[int, float] = {}
        self._lock = threading.Lock()

    def traits(self) -> dict[str, object]:
        found = self._runner.isolation
        return {
            "isolation_level": found.level,
            "landlock": found.landlock,
            "has_cgroups": found.cgroups,
        }

    # Claiming.

    def is_anything_due(self) -> bool:
        may_run = self._runner.may_run
        return may_run and Invocation.objects.due(clock.now()).exists()

    def claim(self, worker: Worker, *, free: int, ahead: int) -> list[InvocationClaim]:
        if not self._runner.may_run:
            return []
        now = clock.now()
        claims: list[InvocationClaim] = []
        for invocation in self._candidates(now, free, ahead):
            is_noted = len(claims) < free
            claim = self._take(invocation, worker, now, is_noted=is_noted)
            if claim:
                claims.append(claim)
        return claims

    def _candidates(self, now: datetime, free: int, ahead: int) -> list[Invocation]:
        ids = self._choose(now, free, ahead)
        rows = Invocation.objects.waiting().filter(pk__in=ids)
        found = {row.pk: row for row in rows.with_version().locked_if_free()}
        return [found[pk] for pk in ids if pk in found]

    def _choose(self, now: datetime, free: int, ahead: int) -> list[int]:
        """Pick `free` due rows and `ahead` more of fast versions, in fair turns."""
        chosen: list[int] = []
        due = turns.groups_due(Invocation, "function_id", now)
        waiting = turns.in_turn(due, after=self._last_served)
        rooms = self._rooms(waiting)
        # A full function has no hand, and takes none of the places at the table.
        playing = [function_id for function_id in waiting if rooms[function_id]]
        hands = [
            self._due(function_id, now, min(free + ahead, rooms[function_id]))
            for function_id in playing[:FUNCTIONS_AT_ONCE]
        ]
        for row, function_id, version_id in turns.by_turns(hands):
            if len(chosen) < free or (
                # Behind the slots that are free only what will not occupy one for
                # long; a slow row that is passed over keeps its place for next time.
                len(chosen) < free + ahead and self._is_fast(version_id)
            ):
                chosen.append(row)
                self._last_served = function_id
        return chosen

    @staticmethod
    def _due(function_id: int, now: datetime, most: int) -> list[tuple[int, int, int]]:
        rows = Invocation.objects.due(now).filter(function_id=function_id)
        return list(rows.values_list("pk", "function_id", "version_id")[:most])

    def _rooms(self, function_ids: Sequence[int]) -> dict[int, int]:
        """Return how many more of each function may run at once."""
        limited = Function.objects.filter(pk__in=function_ids, max_instances__gt=0)
        # Locked, or two workers would both count the same room and both fill it.
        limited = limited.order_by("pk").select_for_update(no_key=True)
        # Without a limit of its own a function may take all that one claim can hold.
        rooms = dict.fromkeys(function_ids, MAX_ROWS_AHEAD + settings.WORKER_SLOTS)
        for function in limited:
            running = Invocation.objects.running().filter(function=function).count()
            rooms[function.pk] = max(function.max_instances - running, 0)
        return rooms

    def _take(
        self, invocation: Invocation, worker: Worker, now: datetime, *, is_noted: bool
    ) -> InvocationClaim | None:
        """Claim one row, or end it when it may no longer run."""
        if settling.end_if_over(invocation, now=now):
            return None
        started = now if is_noted else None
        free = Invocation.objects.waiting().filter(
            pk=invocation.pk, epoch=invocation.epoch
        )
        taken = free.update(
            status=Invocation.Status.RUNNING,
            epoch=F("epoch") + 1,
            worker=worker,
            started_at=started,
            first_started_at=Coalesce(F("first_started_at"), Value(started)),
        )
        if not taken:
            return None
        return InvocationClaim(
            invocation_id=invocation.pk,
            version_id=invocation.version_id,
            epoch=invocation.epoch + 1,
            spec=self._spec_of(invocation),
            call=Call(
                request_id=str(invocation.request_id),
                payload=bytes(invocation.payload),
                alias=invocation.alias,
            ),
            is_noted=is_noted,
        )

    def _spec_of(self, invocation: Invocation) -> Spec | Outcome:
        """Return what to run, or what it comes to where that cannot be read."""
        try:
            return self._runner.spec_of(
                invocation.version, memory_size=invocation.memory_size
            )
        except Exception as error:
            if troubles.is_passing(error):
                raise
            logger.exception("%s cannot be run.", invocation)
            return _stumbled(error)

    # Running.

    def run(self, item: InvocationClaim) -> Outcome:
        if isinstance(item.spec, Outcome):
            return item.spec
        began = time.monotonic()
        try:
            outcome = self._runner.run(item.spec, item.call)
        except Exception as error:
            logger.exception("The runtime stumbled over %s.", item.call.request_id)
            outcome = _stumbled(error)
        self._learn(item.version_id, time.monotonic() - began)
        return outcome

    def _learn(self, version_id: int, seconds: float) -> None:
        with self._lock:
            mean = self._seconds.get(version_id, seconds)
            mean += WEIGHT_OF_NEWEST * (seconds - mean)
            self._seconds[version_id] = mean

    def is_fast(self, item: InvocationClaim) -> bool:
        return self._is_fast(item.version_id)

    def _is_fast(self, version_id: int) -> bool:
        return self._seconds.get(version_id, FAST_SECONDS) < FAST_SECONDS

    def needs_slot(self, item: InvocationClaim) -> bool:
        return True

    def ahead(self, slots: int) -> int:
        """Return how many fast runs that many slots finish in some 50 ms."""
        with self._lock:
            fast = [mean for mean in self._seconds.values() if mean < FAST_SECONDS]
        if not fast:
            return 0
        return min(int(slots * FAST_SECONDS / max(fast)), MAX_ROWS_AHEAD)

    # Settling and giving back.

    def settle(
        self, worker: Worker, done: Sequence[tuple[InvocationClaim, Outcome]]
    ) -> Sequence[tuple[InvocationClaim, Outcome]]:
        results = [
            settling.Result(claim.invocation_id, claim.epoch, outcome)
            for claim, outcome in done
        ]
        settling.settle(worker, results)
        return ()

    def unstorable(self, item: InvocationClaim, error: Exception) -> Outcome:
        return _stumbled(error)

    def give_up(self, item: InvocationClaim, error: Exception) -> None:
        settling.give_up(item.invocation_id, epoch=item.epoch, error=error)

    def release(self, worker: Worker, items: Sequence[InvocationClaim]) -> None:
        """Give rows back; what did not finish within the grace spends no retry."""
        settling.release(worker, {item.invocation_id: item.epoch for item in items})
        queue.ring(queue.INVOKE)

    def tick(
        self,
        worker: Worker,
        *,
        held: Sequence[InvocationClaim],
        started: Sequence[InvocationClaim],
    ) -> None:
        self._note_late_starts(started)
        self._look_after(worker, held)
        self._runner.tidy()

    def _note_late_starts(self, started: Sequence[InvocationClaim]) -> None:
        now = clock.now()
        for item in started:
            if item.is_noted:
                continue
            row = Invocation.objects.running().filter(
                pk=item.invocation_id, epoch=item.epoch
            )
            row.update(
                started_at=now,
                first_started_at=Coalesce(F("first_started_at"), Value(now)),
            )
            item.is_noted = True

    def _look_after(self, worker: Worker, held: Sequence[InvocationClaim]) -> None:
        """Stop what is to be cancelled by force; free what nobody here knows of."""
        known = {(item.invocation_id, item.epoch) for item in held}
        strays: dict[int, int] = {}
        rows = Invocation.objects.running().filter(worker=worker)
        facts = rows.values_list("pk", "epoch", "cancel", "request_id")
        for pk, epoch, cancel, request_id in facts:
            if (pk, epoch) not in known:
                strays[pk] = epoch
            elif cancel == Invocation.Cancel.FORCE:
                self._runner.pool.cancel(str(request_id))
        if strays:
            with transaction.atomic():
                settling.release(worker, strays)

    def seconds_to_next(self, *, after: datetime) -> float | None:
        return Invocation.objects.seconds_to_next(after=after, now=clock.now())

    def kill(self) -> None:
        self._runner.pool.kill_all()

    def close(self) -> None:
        self._runner.pool.close()


def _stumbled(error: Exception) -> Outcome:
    return Outcome(
        kind=Kind.SYSTEM,
        code=endings.SYSTEM_ERROR,
        error=f"The run could not be completed: {troubles.in_words(error)}",
    )
