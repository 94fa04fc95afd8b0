"""Whose turn it is: no target waits for others that hang, are full or come earlier."""

from types import SimpleNamespace

import pytest

from asyncconfig import clock
from asyncconfig.lanes import outbox, turns
from asyncconfig.lanes.delivering import DeliverLane
from asyncconfig.lanes.outbox import TryResult
from asyncconfig.models import Delivery
from asyncconfig.worker import dispatching
from asyncconfig.worker.dispatching import Dispatcher
from tests.support import targets
from tests.support.factories import accept, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

HUNG = TryResult(False, "No answer came.", 15_000)


@pytest.fixture
def kind(monkeypatch):
    return targets.scripted(monkeypatch)


@pytest.fixture
def written(monkeypatch):
    return targets.scripted(monkeypatch, targets.WrittenHere)


@pytest.fixture
def owe():
    function = make_function()

    def owe(kind, *names, count=1):
        made = [
            targets.owe(function, kind, name=name, count=count, now=clock.now())
            for name in names
        ]
        return [one for some in made for one in some]

    return owe


@pytest.fixture
def slow(written, monkeypatch):
    """A machine on which each write takes a second."""
    seconds = SimpleNamespace(passed=0.0)

    def wait():
        seconds.passed += 1

    written.wait = wait
    told = SimpleNamespace(monotonic=lambda: seconds.passed)
    monkeypatch.setattr(outbox, "time", told)


@pytest.fixture
def dispatcher(engine):
    made = Dispatcher(engine.deliver, slots=0)
    made.worker = engine.worker(engine.deliver)
    return made


def names(claims):
    return [claim.row.target for claim in claims]


def fail(engine, claims, answer):
    engine.settle([(claim, answer) for claim in claims], engine.deliver)


def test_a_slow_machine_claims_no_notification_twice(owe, written, slow, dispatcher):
    keys = [f"target-{n:02}" for n in range(30)]
    owe(written, *keys, count=3)

    steps = 0
    while Delivery.objects.exclude(status="DELIVERED").exists():
        dispatcher._step()
        steps += 1
        assert steps < 300

    assert set(Delivery.objects.values_list("epoch", "attempts")) == {(1, 1)}


def test_a_slow_machine_serves_the_last_place_as_often_as_the_first(
    owe, written, slow, dispatcher
):
    """Each has more than is done meanwhile, the first by far the most."""
    keys = [f"target-{n:02}" for n in range(30)]
    owe(written, *keys, count=3)
    owe(written, keys[0], count=60)

    while len(written.tried_at) < 60:
        dispatcher._step()

    assert sorted(written.tried_at[:30]) == keys
    assert {written.tried_at.count(key) for key in keys} == {2}


def test_a_slow_machine_claims_no_more_than_fits(owe, written, slow, dispatcher):
    owe(written, "here", count=30)

    for _step in range(12):
        dispatcher._step()

    assert Delivery.objects.sending().count() <= 2


def test_a_fast_machine_is_given_more_at_once(
    owe, written, slow, dispatcher, monkeypatch
):
    monkeypatch.setattr(written, "wait", lambda: None)
    owe(written, "here", count=300)

    for _step in range(8):
        dispatcher._step()

    assert Delivery.objects.sending().count() == outbox.MAX_ROWS_AT_ONCE


def test_what_a_stopping_courier_did_not_get_to_is_given_back(
    owe, written, slow, dispatcher, monkeypatch
):
    owe(written, "here", count=5)
    dispatcher._step()
    dispatcher._step()
    dispatcher._keeper = SimpleNamespace(stop=lambda: None)
    monkeypatch.setattr(dispatching.connection, "close", lambda: None)

    dispatcher._say_goodbye()

    states = Delivery.objects.order_by("pk").values_list("status", "worker")
    assert list(states) == [("DELIVERED", None)] * 2 + [("WAIT", None)] * 3


def test_targets_that_wait_for_slots_hide_none_that_needs_no_slot(
    engine, owe, kind, written
):
    """Its name sorts behind more targets than a claim looks at."""
    owe(kind, *[f"far-{n:02}" for n in range(60)])
    owe(written, "here")

    looks = 0
    while not (claims := engine.claim(engine.deliver, free=0, ahead=8)):
        looks += 1
        assert looks < 60 / 8 + 1

    assert names(claims) == ["here"]
    assert engine.claim(engine.deliver, free=8, ahead=0)


def test_four_hanging_targets_leave_slots_to_a_fifth(engine, owe, kind):
    owe(kind, "hang-1", "hang-2", "hang-3", "hang-4", count=10)
    hanging = engine.claim(engine.deliver, free=8)
    owe(kind, "well")

    (fifth,) = engine.claim(engine.deliver, free=8 - len(hanging))
    engine.settle([(fifth, engine.deliver.run(fifth))], engine.deliver)

    assert len(hanging) == 6
    assert len(kind.taken) == 1
    assert Delivery.objects.get(target="well").status == "DELIVERED"


def test_targets_that_hung_hold_a_quarter_of_the_slots_and_take_turns(
    engine, owe, kind
):
    hung = [f"hang-{n}" for n in range(8)]
    owe(kind, *hung, count=5)
    fail(engine, engine.claim(engine.deliver), HUNG)
    owe(kind, "well", count=5)

    first = engine.claim(engine.deliver)
    fail(engine, [one for one in first if one.row.target != "well"], HUNG)
    second = engine.claim(engine.deliver, free=4)

    assert sorted(names(first)) == ["hang-0", "hang-1", *["well"] * 4]
    assert names(second) == ["hang-2", "hang-3"]


def test_a_target_that_answers_again_has_its_slots_back(engine, owe, kind):
    owe(kind, "back", count=10)
    fail(engine, engine.claim(engine.deliver), HUNG)

    (probed,) = engine.claim(engine.deliver)
    engine.settle([(probed, engine.deliver.run(probed))], engine.deliver)

    assert names(engine.claim(engine.deliver)) == ["back"] * 4


def test_a_target_that_refuses_at_once_keeps_its_slots(engine, owe, kind):
    owe(kind, "refusing", count=10)
    fail(engine, engine.claim(engine.deliver), TryResult(False, "503", 20))

    assert len(engine.claim(engine.deliver)) == 4


def test_a_new_courier_doubts_targets_whose_notifications_failed(engine, owe, kind):
    owe(kind, *[f"hang-{n}" for n in range(12)])
    Delivery.objects.update(attempts=3)
    owe(kind, "well")
    engine.deliver = DeliverLane()

    claims = [one for _look in range(3) for one in engine.claim(engine.deliver, free=6)]

    assert len(claims) == 3
    assert "well" in names(claims)


def test_requests_and_notifications_are_dealt_out_by_the_same_turns(
    engine, kind, owe, monkeypatch
):
    accept(make_function())
    owe(kind, "a")
    asked = []

    def note(name, original):
        def call(*told, **named):
            asked.append(name)
            return original(*told, **named)

        monkeypatch.setattr(turns, name, call)

    for name in ("groups_due", "in_turn"):
        note(name, getattr(turns, name))
    engine.claim(engine.invoke)
    by_requests, asked[:] = set(asked), []
    engine.claim(engine.deliver)

    assert by_requests == set(asked) == {"groups_due", "in_turn"}


def test_groups_go_on_behind_the_one_that_was_served_last():
    assert turns.in_turn([1, 3, 5], after=3) == [5, 1, 3]
    assert turns.in_turn(["a", "b"], after="") == ["a", "b"]
    assert turns.by_turns([[1, 2, 3], [4], [], [5, 6]]) == [1, 4, 5, 2, 6, 3]
