"""Claim in batches, run in slots, settle what arrives: the worker's engine.

One thread, the dispatcher, talks to the database. Slots only run. What a lane
does is the lane's matter: invocations and deliveries share this engine.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from django.db import Error as DatabaseTrouble
from django.db import connection, transaction

from asyncconfig import clock, leasing, queue, retiring, sweeping
from asyncconfig.models import Worker

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
# After its last claim a worker looks by itself for a while, and nobody needs to ring.
LINGER_SECONDS = 0.02
GLANCE_SECONDS = 0.003
RETIRE_SECONDS = 600.0
PAUSE_AFTER_TROUBLE = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lane(Protocol[Item, Result]):
    """What one queue's work is. All but `run` and `abandon` touch the database."""

    name: str

    def is_anything_due(self) -> bool:
        """Say whether a claim would find rows; a read that takes no lock."""

    def claim(self, worker: Worker, *, free: int, ahead: int) -> list[Item]:
        """Take up to `free` rows, and up to `ahead` more that finish at once."""

    def run(self, item: Item) -> Result:
        """Do the work in a slot; never raises."""

    def settle(self, worker: Worker, done: Sequence[tuple[Item, Result]]) -> None:
        """Store what the work came to; runs inside a transaction."""

    def spoil(self, item: Item, error: Exception) -> Result:
        """Return the result that stands for one that could not be stored."""

    def release(self, worker: Worker, items: Sequence[Item]) -> None:
        """Give back what has not started."""

    def tend(self, worker: Worker, started: Sequence[Item]) -> None:
        """Do what is due once a second: note late starts, heed cancellations."""

    def seconds_to_next(self, *, after: datetime) -> float | None:
        """Return how long until the first row that is due after that moment.

        What was due by then and was not claimed may not run yet, over its
        concurrency for example; None when nothing else waits.
        """

    def is_fast(self, item: Item) -> bool:
        """Say whether the item is expected to finish at once."""

    def needs_slot(self, item: Item) -> bool:
        """Say whether `run` may take a while; if not, no slot has to be free for it."""

    def ahead(self, slots: int) -> int:
        """Return how many fast items that many slots finish in a moment."""

    def abandon(self) -> None:
        """Stop all that runs, at once."""

    def close(self) -> None:
        """Free what the lane holds."""


class Dispatcher(Generic[Item, Result]):
    """Runs one lane on behalf of one worker."""

    def __init__(self, lane: Lane[Item, Result], *, slots: int) -> None:
        self.lane = lane
        self.slots = slots
        self._ready: SimpleQueue[Item | None] = SimpleQueue()
        self._done: deque[tuple[Item, Result, int]] = deque()
        self._held: dict[int, Item] = {}
        self._running: dict[int, Item] = {}
        self._free = threading.Condition()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._generation = 0
        self._busy_at = 0.0
        self._hushed = False
        self._has_claimed = False
        self._looked_at = datetime.min.replace(tzinfo=UTC)
        self._tended = 0.0
        self._retired = 0.0
        self._settled: list[tuple[Item, Result]] = []

    # The outside: other threads.

    def start(self) -> None:
        self.worker = leasing.register(self.lane.name, slots=self.slots)
        self._keep_lease()
        self._thread = threading.Thread(target=self._loop, name="dispatcher")
        self._thread.start()
        for number in range(self.slots):
            threading.Thread(
                target=self._slot, name=f"slot-{number}", daemon=True
            ).start()

    def wake(self, *, wait_seconds: float) -> None:
        """Look for work now; return when there is a free slot again.

        The flag that this wake-up is under way stays set while the dispatcher looks
        by itself, so that a burst of requests rings once (see `_hush`).
        """
        self._hushed = True
        self._busy_at = time.monotonic()
        self._wake.set()
        with self._free:
            self._free.wait_for(self._has_room, timeout=wait_seconds)

    def stop(self, *, grace: float) -> None:
        """Stop claiming; finish what runs within the grace, release the rest."""
        self._grace_ends = time.monotonic() + grace
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    def _has_room(self) -> bool:
        return len(self._held) < self.slots or self._stopping.is_set()

    def _keep_lease(self) -> None:
        self._keeper = leasing.Keeper(self.worker, lost=self._lose_lease)
        self._keeper.start()

    def _lose_lease(self) -> None:
        logger.error("The lease is lost; what runs is stopped.")
        self._lost.set()
        self.lane.abandon()
        self._wake.set()

    # Slots.

    def _slot(self) -> None:
        while (item := self._ready.get()) is not None:
            generation = self._generation
            if self._held.get(id(item)) is not item:
                continue  # Given back meanwhile.
            self._running[id(item)] = item
            result = self.lane.run(item)
            self._running.pop(id(item), None)
            self._done.append((item, result, generation))
            self._wake.set()

    # The dispatcher's thread.

    def _loop(self) -> None:
        pause = 0.0
        while not (self._stopping.is_set() and self._is_over()):
            self._wake.wait(timeout=pause)
            self._wake.clear()
            try:
                if self._lost.is_set():
                    self._begin_anew()
                self._step()
                pause = self._pause()
            except DatabaseTrouble as error:
                logger.warning("The database does not answer: %s", error)
                connection.close()
                pause = PAUSE_AFTER_TROUBLE
            except Exception:
                logger.exception("The dispatcher stumbled; it goes on.")
                pause = PAUSE_AFTER_TROUBLE
        self._say_goodbye()

    def _is_over(self) -> bool:
        return not self._held or time.monotonic() > self._grace_ends

    def _step(self) -> None:
        self._collect()
        self._looked_at = clock.now()
        claimed = self._settle_and_claim()
        self._has_claimed = bool(claimed)
        if claimed:
            self._busy_at = time.monotonic()
        for item in claimed:
            self._held[id(item)] = item
            if self.lane.needs_slot(item):
                self._ready.put(item)
            else:
                self._done.append((item, self.lane.run(item), self._generation))
        with self._free:
            self._free.notify_all()
        if time.monotonic() - self._tended >= IDLE_SECONDS:
            self._tended = time.monotonic()
            self.lane.tend(self.worker, list(self._running.values()))
            sweeping.sweep()
        if time.monotonic() - self._retired >= RETIRE_SECONDS:
            self._retired = time.monotonic()
            retiring.retire()

    def _collect(self) -> None:
        while self._done:
            item, result, generation = self._done.popleft()
            # What an abandoned generation brings is settled all the same: the
            # epoch tells that it decides nothing, and it is kept as evidence.
            self._settled.append((item, result))
            if generation == self._generation:
                self._held.pop(id(item), None)

    def _settle_and_claim(self) -> list[Item]:
        free, ahead = self._room()
        may_claim = bool(free or ahead) and self.lane.is_anything_due()
        if not (self._settled or may_claim):
            return []
        try:
            with transaction.atomic():
                self.lane.settle(self.worker, self._settled)
                claimed = self._claim(free, ahead)
        except DatabaseTrouble:
            if not connection.is_usable():
                raise
            self._settle_singly()
            claimed = []
        self._settled.clear()
        return claimed

    def _claim(self, free: int, ahead: int) -> list[Item]:
        if not (free or ahead):
            return []
        if not leasing.is_live(self.worker):
            self._lose_lease()
            return []
        return self.lane.claim(self.worker, free=free, ahead=ahead)

    def _settle_singly(self) -> None:
        """Find the one result that spoils the batch, and store that it did."""
        while self._settled:
            item, result = self._settled[0]
            try:
                with transaction.atomic():
                    self.lane.settle(self.worker, [(item, result)])
            except DatabaseTrouble as error:
                if not connection.is_usable():
                    raise
                logger.exception("A result could not be stored.")
                with transaction.atomic():
                    spoiled = self.lane.spoil(item, error)
                    self.lane.settle(self.worker, [(item, spoiled)])
            self._settled.pop(0)

    def _room(self) -> tuple[int, int]:
        if self._stopping.is_set():
            return 0, 0
        held = list(self._held.values())
        slow = sum(not self.lane.is_fast(item) for item in held)
        ahead = self.lane.ahead(max(self.slots - slow, 0))
        return max(self.slots - len(held), 0), max(ahead - (len(held) - slow), 0)

    def _pause(self) -> float:
        if self._done:
            return 0.0
        if self._stopping.is_set():
            return 0.05
        is_full = len(self._held) >= self.slots
        if self._hushed:
            return self._hush(is_full=is_full)
        if is_full:
            return IDLE_SECONDS
        if self._has_claimed:
            return 0.0
        left = self.lane.seconds_to_next(after=self._looked_at)
        return IDLE_SECONDS if left is None else min(max(left, 0.001), IDLE_SECONDS)

    def _hush(self, *, is_full: bool) -> float:
        """Return the pause while nobody rings; in the end let them ring again.

        The flag goes before the last look: a request accepted after it rings, one
        accepted before is seen. A full worker leaves the ringing to others at once.
        """
        lingers = time.monotonic() - self._busy_at < LINGER_SECONDS
        if lingers and not is_full:
            return GLANCE_SECONDS
        self._hushed = False
        queue.answered(self.lane.name)
        return 0.0

    def _begin_anew(self) -> None:
        """Start over as a new worker after the lease was lost."""
        self._keeper.stop()
        self.worker = leasing.register(self.lane.name, slots=self.slots)
        self._generation += 1
        self._held.clear()
        self._lost.clear()
        self._keep_lease()

    def _say_goodbye(self) -> None:
        """Release what never started, stop what still runs, give the lease back."""
        started = set(self._running)
        waiting = [item for key, item in self._held.items() if key not in started]
        for item in waiting:
            self._held.pop(id(item), None)
        running = [item for key, item in self._held.items() if key in started]
        self.lane.abandon()
        for _slot in range(self.slots):
            self._ready.put(None)
        try:
            self._collect()
            self._settle_and_claim()
            with transaction.atomic():
                self.lane.release(self.worker, [*waiting, *running])
            leasing.sign_off(self.worker)
        except DatabaseTrouble as error:
            logger.warning("Work could not be released; the lease frees it: %s", error)
        queue.ring_now(self.lane.name)
        self._keeper.stop()
        self.lane.close()
        connection.close()


class _Current:
    """The dispatcher of this process, for the job that wakes it."""

    dispatcher: Dispatcher | None = None  # type: ignore[type-arg]


current = _Current()
