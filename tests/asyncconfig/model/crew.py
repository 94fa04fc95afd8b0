"""The workers of the model: what they do is done by the engine, and told the oracle."""

from asyncconfig import clock, queue
from asyncconfig.models import Delivery, Invocation, MessageDelivery, Worker
from asyncconfig.worker import sweep
from tests.asyncconfig.model.acts import OUTCOMES
from tests.asyncconfig.model.hands import AFTER_COMMIT, Hand, Held, until_death
from tests.asyncconfig.model.oracle import LEASE
from tests.asyncconfig.model.promises import Promises
from tests.asyncconfig.model.world import seconds
from tests.support.targets import away, forbidden

RENEWS = 3.0
MOST_ROUNDS = 150


class Crew(Promises):
    """All workers there are; one of each lane works at any time."""

    def __init__(self):
        super().__init__()
        self.hands = []

    def _take(self, hand, claims):
        if hand.queue == queue.INVOKE:
            for one in claims:
                self.oracle.claim(
                    one.invocation_id, hand.worker.pk, one.epoch, is_noted=one.is_noted
                )
        held = [Held(one, getattr(one, "is_noted", True)) for one in claims]
        hand.held += held
        for one in held:
            self._nobody_else_runs(hand, one)
        self._believe_ended()

    def _believe_ended(self):
        """Claims end what is too old on their way; which they meet is theirs."""
        waiting = [k for k, one in self.oracle.requests.items() if one.status == "WAIT"]
        over = Invocation.objects.filter(pk__in=waiting, status__in=Invocation.FINAL)
        if keys := list(over.values_list("pk", flat=True)):
            self.oracle.expire(*keys)

    def _nobody_else_runs(self, hand, held):
        if hand.queue != queue.INVOKE or not held.is_running:
            return
        for other in self.hands:
            for one in other.held:
                same = one is not held and other.queue == queue.INVOKE
                if same and one.claim.invocation_id == held.claim.invocation_id:
                    runs = one.is_running and one.outcome is None
                    assert not runs, "two runs of a request side by side"

    def _send(self, hand, held, how):
        troubles = {"a": away(), "f": forbidden()}
        self.world.scripted.trouble = troubles.get(how)
        return "sent", hand.lane.run(held.claim)

    def _store(self, hand, some, dies=None):
        is_invoke = hand.queue == queue.INVOKE
        done = [
            (one.claim, OUTCOMES[one.outcome] if is_invoke else one.outcome[1])
            for one in some
        ]
        left = until_death(dies, lambda: hand.settle(done))
        if left is None:
            self._bury_in_memory(hand)
            return
        again = {id(claim) for claim, _result in left}
        for one in some:
            if id(one.claim) not in again:
                hand.held.remove(one)
                if is_invoke:
                    self.oracle.settle(
                        one.claim.invocation_id,
                        hand.worker.pk,
                        one.claim.epoch,
                        one.outcome,
                    )
        self.adopt_children()
        if dies == AFTER_COMMIT:
            self._bury_in_memory(hand)

    def _tick(self, hand):
        hand.tick()
        if hand.queue != queue.INVOKE:
            return
        known = {(one.claim.invocation_id, one.claim.epoch) for one in hand.held}
        for one in hand.held:
            if one.is_running:
                self.oracle.note(
                    one.claim.invocation_id, hand.worker.pk, one.claim.epoch
                )
        for key, request in self.oracle.requests.items():
            holder = request.holder
            if holder and holder[0] == hand.worker.pk and (key, holder[1]) not in known:
                self.oracle.release(key, *holder)

    def _follow_release(self, hand, held):
        """It died in the middle: all was given back, or nothing."""
        if hand.queue != queue.INVOKE:
            return
        rows = Invocation.objects.filter(worker=hand.worker)
        left = dict(rows.values_list("pk", "epoch"))
        for one in held:
            key, epoch = one.claim.invocation_id, one.claim.epoch
            if left.get(key) != epoch:
                self.oracle.release(key, hand.worker.pk, epoch)

    def _bury_in_memory(self, hand):
        """Its process is gone, and what it ran with it; another one is started."""
        hand.lane.close()
        self.hands.remove(hand)
        self._replace(hand)

    def _replace(self, hand):
        """There is always one of each lane that works."""
        if not any(h.queue == hand.queue and not h.stalls for h in self.hands):
            self.hands.append(Hand(hand.queue))

    def _go_on(self, hand):
        """The line heals: late results arrive, under the name it has from now on."""
        hand.stalls = False
        if hand.has_given_up:
            hand.begin()
        else:
            hand.renew()
        ended = [one for one in hand.held if one.outcome is not None]
        if ended:
            self._store(hand, ended)

    def _wait(self, passed):
        """Time passes; whoever can, keeps its lease meanwhile."""
        while passed > 0:
            step = min(passed, RENEWS)
            clock.shift(step)
            self.oracle.now += step
            passed -= step
            for hand in self.hands:
                if not hand.stalls:
                    hand.renew()
                elif hand.has_given_up:
                    self._stop_what_runs(hand)

    @staticmethod
    def _stop_what_runs(hand):
        for one in hand.held:
            if one.outcome is None and hand.queue == queue.INVOKE:
                one.is_running, one.outcome = False, "lost"

    def _sweep(self):
        before = set(_live())
        sweep.mark_dead()
        self._only_the_dead(before - set(_live()))
        for chore in sweep.CHORES[1:]:
            while chore():
                pass
        dead = Worker.objects.filter(stopped_at__isnull=False)
        self.oracle.free(set(dead.values_list("pk", flat=True)))
        self.oracle.expire()

    def _only_the_dead(self, buried):
        for hand in self.hands:
            if hand.worker.pk in buried:
                passed = clock.monotonic() - hand.renewed_at
                assert passed >= LEASE, "one that renews was buried"

    def come_to_rest(self):
        """Trouble is over: all that was promised is kept within some rounds."""
        for hand in [one for one in self.hands if one.stalls]:
            self._go_on(hand)
        for _round in range(MOST_ROUNDS):
            for hand in list(self.hands):
                self._work(hand)
            self._sweep()
            self.rows_agree()
            due = _due()
            if not due:
                break
            self._wait(max(min(due) - self.oracle.now, 1.0))
        else:
            raise AssertionError("it never came to rest")
        self.figures_agree()
        self.what_is_owed_is_there()
        assert all(one.is_over for one in self.oracle.requests.values())

    def _work(self, hand):
        self._tick(hand)
        self._take(hand, hand.claim(hand.free, 0 if hand.queue == queue.INVOKE else 8))
        while hand.held:
            for one in hand.held:
                if hand.queue != queue.INVOKE:
                    one.outcome = one.outcome or self._send(hand, one, "k")
                one.outcome = one.outcome or "ok"
            self._store(hand, list(hand.held))


def _live():
    return Worker.objects.filter(stopped_at=None).values_list("pk", flat=True)


def _due():
    """Return when what is open is due; what runs or is sent waits for its lease."""
    moments = []
    for model in (Invocation, Delivery, MessageDelivery):
        rows = model.objects.filter(finished_at=None)
        moments += [seconds(at) for at in rows.values_list("due_at", flat=True)]
    return moments
