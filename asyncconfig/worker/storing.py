"""Store results so that none is lost, and none holds up the others."""

import logging
import time
from typing import Generic, TypeVar

from django.db import connection, transaction

from asyncconfig import troubles
from asyncconfig.lanes.lane import Lane
from asyncconfig.models import Worker

logger = logging.getLogger(__name__)

# How long one pass over single results may take; the rest waits for the next one.
PASS_SECONDS = 1.0
FIRST_PAUSE, MAX_PAUSE_SECONDS = 0.2, 10.0

Item = TypeVar("Item")
Result = TypeVar("Result")


class Unstored(Generic[Item, Result]):
    """The results of one worker that are not in the database yet.

    `fresh` ones are settled together, some in the next transaction where they are
    too much for one. When that fails each is stored by itself:
    what its own data causes ends it in words, and what passes (see `troubles`)
    keeps it for later, first after 0.2 s, then after at most 10 s.
    """

    def __init__(self, lane: Lane[Item, Result]) -> None:
        self._lane = lane
        self.fresh: list[tuple[Item, Result]] = []
        self._kept: list[tuple[Item, Result]] = []
        self._pause = FIRST_PAUSE
        self._again_at = 0.0

    def __len__(self) -> int:
        return len(self.fresh) + len(self._kept)

    @property
    def kept(self) -> int:
        """How many could not be stored and wait for another time."""
        return len(self._kept)

    def items(self) -> list[Item]:
        return [item for item, _result in (*self.fresh, *self._kept)]

    def store_each(self, worker: Worker) -> None:
        """Store fresh results one by one; raises when there is no connection."""
        self._pass_over(self.fresh, worker)
        self._kept += self.fresh
        self.fresh.clear()
        self._again_at = time.monotonic() + self._pause

    def try_again(self, worker: Worker, *, at_once: bool = False) -> None:
        """Store what was kept, when it is time; raises when there is no connection."""
        if not self._kept or (time.monotonic() < self._again_at and not at_once):
            return
        self._pass_over(self._kept, worker)
        self._pause = (
            min(self._pause * 2, MAX_PAUSE_SECONDS) if self._kept else FIRST_PAUSE
        )
        self._again_at = time.monotonic() + self._pause

    def _pass_over(self, waiting: list[tuple[Item, Result]], worker: Worker) -> None:
        """Take out what could be stored.

        What failed comes last: a row that somebody locks delays no other.
        """
        ends = time.monotonic() + PASS_SECONDS
        failed: list[tuple[Item, Result]] = []
        try:
            while waiting and time.monotonic() < ends:
                if not self._store(worker, *waiting[0]):
                    failed.append(waiting[0])
                waiting.pop(0)
        finally:
            waiting += failed

    def _store(self, worker: Worker, item: Item, result: Result) -> bool:
        """Store one result, or what stands for it; False when it has to wait."""
        try:
            with transaction.atomic():
                self._lane.settle(worker, [(item, result)])
        except Exception as error:
            if troubles.is_passing(error):
                return self._has_to_wait(error)
            logger.exception("A result could not be stored.")
            return self._store_instead(worker, item, error)
        return True

    def _store_instead(self, worker: Worker, item: Item, reason: Exception) -> bool:
        try:
            with transaction.atomic():
                self._lane.settle(worker, [(item, self._lane.unstorable(item, reason))])
        except Exception as error:
            if troubles.is_passing(error):
                return self._has_to_wait(error)
            logger.exception("Nor could what stands for it; its row is freed.")
            return self._give_up(item, reason)
        return True

    def _give_up(self, item: Item, reason: Exception) -> bool:
        try:
            with transaction.atomic():
                self._lane.give_up(item, reason)
        except Exception as error:
            if troubles.is_passing(error):
                return self._has_to_wait(error)
            # The row names this worker still; the next look at what it holds frees it.
            logger.exception("Its row could not be ended.")
        return True

    @staticmethod
    def _has_to_wait(error: Exception) -> bool:
        if not connection.is_usable():
            raise error
        logger.warning("A result has to wait: %s", troubles.in_words(error))
        return False
