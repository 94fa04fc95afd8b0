"""The protocol of the engine as rules that may come in any order.

Whatever is done is done by the engine's own code, to the real tables. Nobody rings
here: a claim at any time is what a doubled ring comes to, and no claim a lost one.
"""

import copy

from django.db.models import Q
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)

from asyncconfig import clock, queue
from asyncconfig.invocations import accepting, idempotency
from asyncconfig.lanes import delivering
from asyncconfig.models import Delivery, Invocation
from asyncconfig.worker import sweep
from asyncconfig.worker.jumps import Jumps
from functions.qualifiers import Resolved
from tests.asyncconfig.model.acts import OUTCOMES, Cancel, Settle, cancel, facts
from tests.asyncconfig.model.crew import Crew
from tests.asyncconfig.model.hands import AFTER_COMMIT, Hand, until_death
from tests.asyncconfig.model.oracle import LEASE
from tests.asyncconfig.model.world import TOPIC, payload

NAMES = ("plain", "retried", "short", "loop", "topic", "single")
# At which statement a process dies; seldom any.
DEATH = st.one_of(st.none(), st.none(), st.integers(0, 14))
DEATH_OR_SILENCE = st.one_of(DEATH, st.just(AFTER_COMMIT))
LANES = (queue.INVOKE, queue.DELIVER, queue.NOTIFY)


class Machine(Crew):
    """Requests, workers, time and deaths, in any order.

    Tests set `beside` where two transactions may be open at once.
    """

    beside = None

    def __init__(self):
        super().__init__()
        self._clock = clock.shifted()
        self._clock.__enter__()
        sweep.jumps = Jumps()
        accepting.recent.forget()
        self.keys = {}

    def teardown(self):
        try:
            self.come_to_rest()
        finally:
            for hand in self.hands:
                hand.lane.close()
            self.world.forget()
            self._clock.__exit__(None, None, None)

    # What clients do.

    @initialize()
    def begin(self):
        for name in LANES:
            self.hands.append(Hand(name))
        # The first look at a clock has nothing to compare it with.
        sweep.mark_dead()

    @rule(
        name=st.sampled_from(NAMES),
        is_sync=st.integers(0, 9).map(lambda n: n == 0),
        dies=DEATH,
    )
    def accept(self, name, is_sync, dies):
        """One that dies has said nothing: nobody was promised anything."""
        mode = Invocation.Mode.SYNC if is_sync else Invocation.Mode.ASYNC
        resolved = Resolved(self.world.resolved[name])
        made = until_death(
            dies,
            lambda: accepting.accept_from_client(
                resolved, payload(), mode=mode, origin=accepting.Origin(by="model")
            ),
        )
        if made:
            self.oracle.accept(made.pk, name, self.world.rules[name], is_sync=is_sync)

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from("ab"), dies=DEATH)
    def accept_once(self, name, key, dies):
        made = until_death(
            dies,
            lambda: idempotency.accept_once(
                Resolved(self.world.resolved[name]),
                b"{}",
                key=key,
                asked="latest",
                origin=accepting.Origin(by="model"),
            ),
        )
        if made is None:
            return
        known = self.keys.setdefault((name, key), made.pk)
        assert known == made.pk, "one key stands for two requests"
        if made.pk not in self.oracle.requests:
            self.oracle.accept(made.pk, name, self.world.rules[name])

    @precondition(lambda self: self.oracle.requests)
    @rule(data=st.data(), force=st.booleans(), dies=DEATH)
    def cancel(self, data, force, dies):
        key = data.draw(st.sampled_from(sorted(self.oracle.requests)))
        stopped = until_death(dies, lambda: cancel(key, force=force))
        if stopped is not None:
            assert self.oracle.cancel(key, force=force) == stopped

    # What workers do.

    @rule(data=st.data(), ahead=st.integers(0, 3), dies=DEATH)
    def claim(self, data, ahead, dies):
        hand = self._hand(data)
        is_invoke = hand.queue == queue.INVOKE
        if is_invoke:
            _make_fast(hand, self.world)
        ahead = ahead if is_invoke else 8
        claims = until_death(dies, lambda: hand.claim(hand.free, ahead))
        if claims is None:
            self._bury_in_memory(hand)
            return
        self._take(hand, claims)

    @precondition(lambda self: any(hand.held for hand in self.hands))
    @rule(data=st.data(), dies=DEATH_OR_SILENCE)
    def finish(self, data, dies):
        """Some of what a worker runs comes to something, and it stores that."""
        hand = data.draw(st.sampled_from([h for h in self.hands if h.held]))
        self._finish(data, hand, dies)

    @rule(data=st.data(), dies=DEATH_OR_SILENCE)
    def serve(self, data, dies):
        """A worker takes what is there, and some of it comes to something at once."""
        hand = self._hand(data)
        self._take(hand, hand.claim(hand.free, 0 if hand.queue == queue.INVOKE else 8))
        if hand.held:
            self._finish(data, hand, dies)

    def _finish(self, data, hand, dies):
        some = data.draw(st.lists(st.sampled_from(hand.held), min_size=1, unique=True))
        for held in some:
            if held.outcome is None:
                held.is_running = True
                self._nobody_else_runs(hand, held)
                held.outcome = self._come_to(data, hand, held)
        if not hand.stalls:
            self._store(hand, some, dies)

    def _come_to(self, data, hand, held):
        if hand.queue != queue.INVOKE:
            return self._send(hand, held, data.draw(st.sampled_from("kkkaf")))
        forced = self.oracle.requests[held.claim.invocation_id].wish == "force"
        kinds = [kind for kind in OUTCOMES if kind != "cancelled" or forced]
        return data.draw(st.sampled_from(kinds))

    @rule(data=st.data(), dies=DEATH)
    def tick(self, data, dies):
        hand = self._hand(data)
        if dies is not None and hand.queue == queue.INVOKE:
            return  # More than one transaction: its death is that of each of them.
        self._tick(hand)

    @rule(data=st.data(), dies=DEATH)
    def leave(self, data, dies):
        """It is asked to stop: what has not ended is given back."""
        hand = self._hand(data)
        held = list(hand.held)
        until_death(dies, hand.release)
        if dies is None and hand.queue == queue.INVOKE:
            for one in held:
                key = one.claim.invocation_id
                self.oracle.release(key, hand.worker.pk, one.claim.epoch)
        elif dies is not None:
            self._follow_release(hand, held)
        self._bury_in_memory(hand)

    # What befalls them.

    @rule(data=st.data())
    def kill(self, data):
        self._bury_in_memory(self._hand(data))

    @precondition(lambda self: len(self.hands) < 6)
    @rule(name=st.sampled_from(LANES))
    def hire(self, name):
        self.hands.append(Hand(name))

    @rule(data=st.data())
    def cut_off(self, data):
        """Its line to the database falls silent; the others bury it in time."""
        hand = self._hand(data, data.draw(st.sampled_from((None, queue.INVOKE))))
        if hand.queue == queue.INVOKE and not hand.held:
            self._take(hand, hand.claim(2, 0))
        hand.stalls = True
        self._replace(hand)
        self._wait(LEASE + 1)
        self._sweep()
        for other in self.hands:
            if other.queue == hand.queue and not other.stalls:
                self._take(other, other.claim(2, 0))

    @precondition(lambda self: any(hand.stalls for hand in self.hands))
    @rule(data=st.data())
    def go_on(self, data):
        self._go_on(data.draw(st.sampled_from([h for h in self.hands if h.stalls])))

    @rule(passed=st.sampled_from((1, 5, 11, 16, 61)))
    def wait(self, passed):
        self._wait(passed)

    @rule(ahead=st.sampled_from((-30, 45)))
    def put_clock(self, ahead):
        """Somebody sets the database's clock; no time passes by that."""
        clock.jump(ahead)
        self.oracle.now += ahead
        # Somebody looks within a second, before it is set again.
        self._sweep()

    # What everybody does once a second.

    @rule()
    def sweep(self):
        self._sweep()

    # What an operator does.

    @precondition(lambda self: _repeatable().exists())
    @rule(data=st.data())
    def send_again(self, data):
        delivery = data.draw(st.sampled_from(list(_repeatable())))
        wanted = delivering.may_resend(delivery)
        assert delivering.resend(delivery, by="model") == wanted

    # Two at once, where the database allows it.

    @precondition(lambda self: self.beside and self.oracle.requests)
    @rule(data=st.data())
    def cross(self, data):
        """Two transactions over the same requests: as if one came after the other.

        The first is done but not committed while the second begins.
        """
        first, second = self._act(data), self._act(data)
        if data.draw(st.booleans()):
            second = Cancel(first.key, force=False)
        answers = self.beside(first.do, second.do)
        self.adopt_children()
        for order in (((0, first), (1, second)), ((1, second), (0, first))):
            tried = copy.deepcopy(self.oracle)
            if all(act.follow(tried, answers[n]) for n, act in order) and tried.agrees(
                facts()
            ):
                self.oracle = tried
                self._forget_settled(first, second)
                return
        raise AssertionError(f"no order of the two explains it: {first}, {second}")

    def _act(self, data):
        running = [
            (hand, one)
            for hand in self.hands
            for one in hand.held
            if hand.queue == queue.INVOKE and not hand.stalls
        ]
        if running and data.draw(st.booleans()):
            hand, held = data.draw(st.sampled_from(running))
            return Settle(hand, held, data.draw(st.sampled_from(("ok", "code"))))
        key = data.draw(st.sampled_from(sorted(self.oracle.requests)))
        return Cancel(key, data.draw(st.booleans()))

    @staticmethod
    def _forget_settled(*acts):
        for act in acts:
            if isinstance(act, Settle) and act.held in act.hand.held:
                act.hand.held.remove(act.held)

    def _hand(self, data, name=None):
        """Choose one that works, of a lane or of all."""
        working = [one for one in self.hands if not one.stalls]
        return data.draw(
            st.sampled_from([one for one in working if name in (None, one.queue)])
        )


def _make_fast(hand, world):
    """Let all functions be known as fast, so that they are claimed ahead."""
    for version in world.resolved.values():
        hand.lane._learn(version.pk, 0.001)


def _repeatable():
    """Return what may be sent again; a topic that has it would have it twice."""
    has_it = Q(kind=TOPIC, status=Delivery.Status.DELIVERED)
    return Delivery.objects.exclude(has_it).order_by("pk")
