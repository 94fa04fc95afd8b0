"""Claim in batches, run in slots, settle what arrives: the worker's engine.

One thread, the dispatcher, talks to the database. Slots only run. What a lane
does is the lane's matter: invocations and deliveries share this engine.
"""

import faulthandler
import logging
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Generic, TypeVar

from django.db import connection, transaction

from asyncconfig import clock, queue, troubles
from asyncconfig.lanes.lane import Lane
from asyncconfig.models import Worker
from asyncconfig.worker import leases, retention, sweep
from asyncconfig.worker.chores import BREATH_SECONDS, Chore
from asyncconfig.worker.storing import Unstored
from asyncconfig.worker.watching import Watch

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
# After its last claim a worker looks by itself for a while, and nobody needs to ring.
LINGER_SECONDS = 0.02
GLANCE_SECONDS = 0.003
RETIRE_SECONDS = 600.0
PAUSE_AFTER_TROUBLE = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        self._is_ring_suppressed = False
        self._has_claimed = False
        self._looked_at = datetime.min.replace(tzinfo=UTC)
        self._chores = [
            Chore(self._tick, every=IDLE_SECONDS),
            *(Chore(do, every=IDLE_SECONDS) for do in sweep.CHORES),
            *(Chore(do, every=RETIRE_SECONDS) for do in retention.CHORES),
        ]
        self._unstored: Unstored[Item, Result] = Unstored(lane)
        self._watch = Watch(stuck=self._end_process)

    # The outside: other threads.

    def start(self) -> None:
        self.worker = self._register()
        self._keep_lease()
        self._thread = threading.Thread(target=self._loop, name="dispatcher")
        self._thread.start()
        self._watch.start()
        for number in range(self.slots):
            threading.Thread(
                target=self._slot, name=f"slot-{number}", daemon=True
            ).start()

    def wake(self, *, wait_seconds: float) -> None:
        """Look for work now; return when there is a free slot again.

        The flag that this wake-up is under way stays set while the dispatcher looks
        by itself, so that a burst of requests rings once (see `_suppress_ring`).
        """
        self._is_ring_suppressed = True
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

    def _register(self) -> Worker:
        traits = self.lane.traits()
        return leases.register(self.lane.name, slots=self.slots, **traits)

    def _keep_lease(self) -> None:
        self._keeper = leases.Keeper(self.worker, lost=self._lose_lease)
        self._keeper.start()

    def _lose_lease(self) -> None:
        """Stop what runs; called again and again until all is started over."""
        if not self._lost.is_set():
            logger.error("The lease is lost; what runs is stopped.")
            self._lost.set()
            self._wake.set()
        self.lane.kill()

    # Slots.

    def _slot(self) -> None:
        while (item := self._ready.get()) is not None:
            generation = self._generation
            if self._held.get(id(item)) is not item or self._lost.is_set():
                continue  # Given back meanwhile, or somebody else's by now.
            self._running[id(item)] = item
            result = self._run(item)
            self._running.pop(id(item), None)
            self._done.append((item, result, generation))
            self._wake.set()

    def _run(self, item: Item) -> Result:
        try:
            return self.lane.run(item)
        except Exception as error:
            logger.exception("A lane stumbled over an item; its slot goes on.")
            return self.lane.unstorable(item, error)

    # The dispatcher's thread.

    def _loop(self) -> None:
        pause = 0.0
        while not (self._stopping.is_set() and self._is_over()):
            self._wake.wait(timeout=pause)
            self._wake.clear()
            pause = self._try_step()
        self._watch.stop()
        self._say_goodbye()

    def _try_step(self) -> float:
        """Take a step, whatever comes of it; return the pause after it in seconds."""
        try:
            if self._lost.is_set():
                self._start_over()
            self._step()
            pause = min(self._pause(), self._pause_of_chores())
        except Exception as error:
            if not troubles.is_passing(error):
                logger.exception("The dispatcher stumbled; it goes on.")
                return PAUSE_AFTER_TROUBLE
            logger.warning("The database does not answer: %s", error)
            connection.close()
            pause = PAUSE_AFTER_TROUBLE
        self._watch.note()
        return pause

    def _end_process(self) -> None:
        """End at once: what a stuck dispatcher holds can no longer be trusted.

        The kernel ends what it runs with it, and the lease frees the rows. Whoever
        supervises this process starts a new one.
        """
        logger.critical("The dispatcher got nothing done for long; its process ends.")
        try:
            faulthandler.dump_traceback()
        finally:
            os._exit(os.EX_SOFTWARE)

    def _is_over(self) -> bool:
        is_idle = not (self._held or self._unstored)
        return is_idle or time.monotonic() > self._grace_ends

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
                self._done.append((item, self._run(item), self._generation))
        with self._free:
            self._free.notify_all()
        for chore in self._chores:
            chore.turn()
            # Each may have waited long for a turn to write.
            self._watch.note()

    def _tick(self) -> int:
        self.lane.tick(
            self.worker,
            held=[*self._held.values(), *self._unstored.items()],
            started=list(self._running.values()),
        )
        return 0

    def _collect(self) -> None:
        while self._done:
            item, result, generation = self._done.popleft()
            # What a generation that was killed brings is settled all the same: the
            # epoch tells that it decides nothing, and it is kept as evidence.
            self._unstored.fresh.append((item, result))
            if generation == self._generation:
                self._held.pop(id(item), None)

    def _settle_and_claim(self) -> list[Item]:
        self._unstored.try_again(self.worker)
        free, ahead = self._room()
        may_claim = bool(free or ahead) and self.lane.is_anything_due()
        fresh = self._unstored.fresh
        if not (fresh or may_claim):
            return []
        try:
            with transaction.atomic():
                left = self.lane.settle(self.worker, fresh)
                claimed = self._claim(free, 0 if left else ahead)
        except Exception as error:
            if not (fresh and connection.is_usable()):
                raise
            logger.warning("Results are stored singly: %s", troubles.in_words(error))
            self._unstored.store_each(self.worker)
            return []
        self._unstored.fresh = list(left)
        return claimed

    def _claim(self, free: int, ahead: int) -> list[Item]:
        if not (free or ahead):
            return []
        # Asked in the transaction that claims: a worker that stalled may have been
        # marked dead since, and what it claimed then would wait for the next sweep.
        if self._lost.is_set() or not leases.is_live(self.worker):
            self._lose_lease()
            return []
        return self.lane.claim(self.worker, free=free, ahead=ahead)

    def _room(self) -> tuple[int, int]:
        if self._stopping.is_set():
            return 0, 0
        held = list(self._held.values())
        # What is claimed ahead is to start in a moment. So only slots without a slow
        # run count for how much that is, and fast ones that are held are part of it:
        # nothing queues behind a run that takes minutes.
        slow = sum(not self.lane.is_fast(item) for item in held)
        # Results that cannot be stored yet are in memory: no more than slots of them.
        kept = self._unstored.kept
        ahead = 0 if kept else self.lane.ahead(max(self.slots - slow, 0))
        free = self.slots - len(held) - kept
        return max(free, 0), max(ahead - (len(held) - slow), 0)

    def _pause(self) -> float:
        if self._done or self._unstored.fresh:
            return 0.0
        if self._stopping.is_set():
            return 0.05  # Only to look whether the grace is over.
        is_full = len(self._held) >= self.slots
        if self._is_ring_suppressed:
            return self._suppress_ring(is_full=is_full)
        if is_full:
            return IDLE_SECONDS  # A slot that becomes free wakes it sooner.
        if self._has_claimed:
            return 0.0  # There may be more than one claim takes.
        # From the moment it looked, not from now: what fell due in between was not
        # seen, and its time to wait is negative.
        left = self.lane.seconds_to_next(after=self._looked_at)
        return IDLE_SECONDS if left is None else min(max(left, 0.001), IDLE_SECONDS)

    def _pause_of_chores(self) -> float:
        is_behind = any(chore.has_more for chore in self._chores)
        return BREATH_SECONDS if is_behind else IDLE_SECONDS

    def _suppress_ring(self, *, is_full: bool) -> float:
        """Return the pause while nobody rings; in the end let them ring again.

        The flag goes before the last look: a request accepted after it rings, one
        accepted before is seen. A full worker leaves the ringing to others at once.
        """
        lingers = time.monotonic() - self._busy_at < LINGER_SECONDS
        if lingers and not is_full:
            return GLANCE_SECONDS
        self._is_ring_suppressed = False
        queue.answered(self.lane.name)
        return 0.0

    def _start_over(self) -> None:
        """Start over as a new worker after the lease was lost."""
        self._keeper.stop()
        self.worker = self._register()
        self._generation += 1
        self._held.clear()
        self._lost.clear()
        self._keep_lease()

    def _say_goodbye(self) -> None:
        """Release what never started, stop what still runs, give the lease back."""
        self._collect()
        left = list(self._held.values())
        # From here on nothing starts, and what is stopped counts as never begun.
        self._held.clear()
        self.lane.kill()
        for _slot in range(self.slots):
            self._ready.put(None)
        try:
            self._settle_and_claim()
            self._unstored.try_again(self.worker, at_once=True)
            left += [item for item, _result in self._unstored.fresh]
            with transaction.atomic():
                self.lane.release(self.worker, left)
            leases.sign_off(self.worker)
        except Exception as error:
            logger.warning("Work could not be released; the lease frees it: %s", error)
        queue.ring_now(self.lane.name)
        self._keeper.stop()
        self.lane.close()
        connection.close()
