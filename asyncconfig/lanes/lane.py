"""What a worker's engine wants of the things it runs: invocations, deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from asyncconfig.models import Worker

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lane(Protocol[Item, Result]):
    """What one queue's work is. All but `run` and `kill` touch the database."""

    name: str

    def traits(self) -> dict[str, object]:
        """Return columns of the worker's row that only this lane knows."""

    def is_anything_due(self) -> bool:
        """Say whether a claim would find rows; a read that takes no lock."""

    def claim(self, worker: Worker, *, free: int, ahead: int) -> list[Item]:
        """Take up to `free` rows, and up to `ahead` more that finish at once."""

    def run(self, item: Item) -> Result:
        """Do the work in a slot; never raises."""

    def settle(
        self, worker: Worker, done: Sequence[tuple[Item, Result]]
    ) -> Sequence[tuple[Item, Result]]:
        """Store what the work came to; runs inside a transaction.

        Returns what is too much for one transaction, at least one being done; it
        comes again in the next, and no more is claimed ahead until then.
        """

    def unstorable(self, item: Item, error: Exception) -> Result:
        """Return the result that stands for one that could not be had or stored."""

    def give_up(self, item: Item, error: Exception) -> None:
        """End a row of which not even that can be stored; runs in a transaction."""

    def release(self, worker: Worker, items: Sequence[Item]) -> None:
        """Give back what has not started."""

    def tick(
        self, worker: Worker, *, held: Sequence[Item], started: Sequence[Item]
    ) -> None:
        """Do what is due once a second: note late starts, heed cancellations.

        `held` is all that this worker knows of. What else names it, since the
        answer to a commit was lost, is given back.
        """

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

    def kill(self) -> None:
        """Stop all that runs, at once."""

    def close(self) -> None:
        """Free what the lane holds."""
