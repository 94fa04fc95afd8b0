"""What runs come to, and what may be done to a request while something else is."""

from dataclasses import dataclass

from asyncconfig.exceptions import NotCancellable
from asyncconfig.invocations import cancelling
from asyncconfig.models import Invocation
from functions.runtime import Kind, Outcome
from tests.asyncconfig.model.hands import Hand, Held

OUTCOMES = {
    "ok": Outcome(kind=Kind.OK, result=b"done", started=True),
    "code": Outcome(kind=Kind.CODE, code=4002, error="Error: asked", started=True),
    "system": Outcome(kind=Kind.SYSTEM, code=330404, error="asked", started=True),
    "cancelled": Outcome(kind=Kind.CANCELLED, code=4208, started=True),
    "lost": Outcome(kind=Kind.LOST, error="gone", started=True),
    "unstarted": Outcome(kind=Kind.LOST, error="gone"),
}


@dataclass
class Settle:
    """A worker stores what one run came to."""

    hand: Hand
    held: Held
    outcome: str

    @property
    def key(self):
        return self.held.claim.invocation_id

    def do(self):
        self.hand.settle([(self.held.claim, OUTCOMES[self.outcome])])

    def follow(self, oracle, _answer):
        epoch = self.held.claim.epoch
        oracle.settle(self.key, self.hand.worker.pk, epoch, self.outcome)
        return True


@dataclass
class Cancel:
    """Somebody stops a request, or is told that it has ended."""

    key: int
    force: bool

    def do(self):
        return cancel(self.key, force=self.force)

    def follow(self, oracle, answer):
        return oracle.cancel(self.key, force=self.force) == answer


def facts_of(row):
    return row.status, row.condition, row.attempts, row.losses, row.cancel


def facts():
    rows = Invocation.objects.without_bodies()
    return {row.pk: facts_of(row) for row in rows}


def cancel(key, *, force):
    try:
        cancelling.cancel(Invocation.objects.get(pk=key), by="model", force=force)
    except NotCancellable:
        return False
    return True
