"""A worker without threads, which can stall, lose its line, and die anywhere."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from asyncconfig import clock
from asyncconfig.worker import leases
from asyncconfig.worker.process import LANES

# The keeper of a lease ends what runs this much before the lease is over.
GIVES_UP = 1 - leases.MARGIN


# Not at a statement, but when all is stored and nothing else is done yet.
AFTER_COMMIT = -1


class Died(BaseException):
    """The process ended here; nothing of what it holds in memory is left."""


class Fuse:
    """Ends the process at its n-th statement; what is open is rolled back."""

    def __init__(self, statements):
        self.left = statements

    def __call__(self, execute, sql, params, many, context):
        if self.left <= 0:
            raise Died
        self.left -= 1
        return execute(sql, params, many, context)


@dataclass(eq=False)
class Held:
    """A claim in a worker's memory, and what it came to, if it has ended."""

    claim: Any
    is_running: bool
    outcome: Any = None


@dataclass(eq=False)
class Hand:
    """A worker of a lane; `stalls` while it is cut off from the database."""

    queue: str
    slots: int = 4
    stalls: bool = False
    held: list[Held] = field(default_factory=list)

    def __post_init__(self):
        self.lane = LANES[self.queue]()
        self.begin()

    def begin(self):
        """Register as a worker; what an earlier one held is settled all the same."""
        self.worker = leases.register(self.queue, slots=self.slots)
        self.renewed_at = clock.monotonic()

    def renew(self):
        if leases.renew(self.worker):
            self.renewed_at = clock.monotonic()

    @property
    def has_given_up(self):
        """Whether its keeper has stopped what runs, as the lease is nearly over."""
        passed = clock.monotonic() - self.renewed_at
        return passed >= leases.settings.WORKER_LEASE_SECONDS * GIVES_UP

    @property
    def free(self):
        """How many slots hold nothing; more may be held, of what was claimed ahead."""
        return max(self.slots - len(self.held), 0)

    def claim(self, free, ahead):
        with transaction.atomic():
            if not leases.is_live(self.worker):
                return []
            return self.lane.claim(self.worker, free=free, ahead=ahead)

    def settle(self, done):
        """Store results in one transaction; return what is left for the next."""
        with transaction.atomic():
            return self.lane.settle(self.worker, done)

    def release(self):
        with transaction.atomic():
            self.lane.release(self.worker, [one.claim for one in self.held])
        self.held.clear()

    def tick(self):
        self.lane.tick(
            self.worker,
            held=[one.claim for one in self.held],
            started=[one.claim for one in self.held if one.is_running],
        )


def until_death(statements, act):
    """Do something that dies at its n-th statement; None where it did."""
    if statements is None:
        return act()
    if statements == AFTER_COMMIT:
        with forgetful():
            return act()
    with connection.execute_wrapper(Fuse(statements)):
        try:
            return act()
        except Died:
            return None


@contextmanager
def forgetful():
    """Let nothing follow a commit in this process."""
    connection.run_and_clear_commit_hooks = lambda: connection.run_on_commit.clear()
    try:
        yield
    finally:
        del connection.run_and_clear_commit_hooks
