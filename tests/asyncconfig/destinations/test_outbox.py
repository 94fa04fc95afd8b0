"""The outbox: back-off, turns between targets, dead letters, sending again."""

from datetime import timedelta
from itertools import pairwise

import pytest

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from asyncconfig.lanes import delivering
from asyncconfig.models import Delivery
from asyncconfig.reports import balancing
from asyncconfig.worker import leases, sweep
from asyncconfig.worker.dispatching import Dispatcher
from tests.support import targets
from tests.support.factories import accept, make_config, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture
def kind(monkeypatch):
    return targets.scripted(monkeypatch)


def notify(engine, kind, name="there"):
    """Run a function to its end, so that it owes a notification."""
    function = make_function()
    targets.aim(function, kind, name, max_retries=0)
    accept(function)
    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])
    return Delivery.objects.latest("pk")


def test_an_outage_of_an_hour_is_sat_out_on_schedule(engine, kind):
    delivery = notify(engine, kind)
    began = clock.now()
    kind.trouble = targets.away()

    while clock.now() - began < timedelta(hours=1):
        engine.run()
        delivery.refresh_from_db()
        clock.shift((delivery.due_at - clock.now()).total_seconds() + 0.001)
    kind.trouble = None
    engine.run()

    tries = list(delivery.attempt_set.values_list("started_at", flat=True))
    waits = [round((b - a).total_seconds()) for a, b in pairwise(tries)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    delivery.refresh_from_db()
    assert (delivery.status, delivery.reference) == ("DELIVERED", "thing-1")
    assert kind.taken == [(str(delivery.delivery_id), bytes(delivery.record))]


def test_after_a_day_it_is_a_dead_letter_that_says_so(engine, kind):
    delivery = notify(engine, kind)
    kind.trouble = targets.away()

    engine.run_out()

    delivery.refresh_from_db()
    assert delivery.status == "FAILED"
    assert delivery.finished_at - delivery.created_at < timedelta(hours=24)
    assert delivery.finished_at - delivery.created_at > timedelta(hours=22)
    assert delivery.reason == (
        f"The target does not answer. Given up after {delivery.attempts} tries."
    )
    assert balancing.balance().drift == 0


def test_trying_again_cannot_help_so_it_ends_at_once(engine, kind):
    kind.trouble = targets.forbidden()
    delivery = notify(engine, kind)

    engine.run()

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("FAILED", 1)
    assert delivery.reason == "The target refuses this key."


def test_a_kind_that_is_not_known_any_more_is_a_dead_letter(engine, kind, monkeypatch):
    delivery = notify(engine, kind)
    monkeypatch.delitem(KINDS, kind.kind)

    engine.run()

    delivery.refresh_from_db()
    assert delivery.reason == "This installation knows no target service Scripted."


def test_a_mistake_of_ours_is_an_answer_and_is_tried_again(engine, kind):
    kind.trouble = KeyError("oops")
    delivery = notify(engine, kind)

    engine.run()

    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason) == ("WAIT", "KeyError: 'oops'")


def test_a_target_takes_no_more_than_its_slots(engine, kind, settings):
    settings.DELIVERY_SLOTS_PER_TARGET = 2
    function = make_function()
    targets.owe(function, kind, name="slow", count=9, now=clock.now())

    first = engine.claim(engine.deliver, free=8)
    second = engine.claim(engine.deliver, free=6)

    assert (len(first), len(second)) == (2, 0)


def test_a_full_target_does_not_starve_a_new_one(engine, kind):
    function = make_function()
    targets.owe(function, kind, name="full", count=10_000, now=clock.now())
    clock.shift(1)
    late = targets.owe(function, kind, name="new", count=1, now=clock.now())[0]

    claims = engine.claim(engine.deliver, free=16)

    assert late.pk in [claim.row.pk for claim in claims]


def test_what_is_written_here_waits_for_no_slot(engine, kind, monkeypatch):
    """All slots are with slow targets: here none is left at all."""
    monkeypatch.setattr(kind, "is_written_here", lambda _version: True, raising=False)
    (delivery,) = targets.owe(
        make_function(), kind, name="here", count=1, now=clock.now()
    )
    dispatcher = Dispatcher(engine.deliver, slots=0)
    dispatcher.worker = engine.worker(engine.deliver)

    dispatcher._step()
    dispatcher._step()

    delivery.refresh_from_db()
    assert delivery.status == "DELIVERED"


def test_targets_take_turns_when_there_are_more_than_slots(engine, kind):
    function = make_function()
    for name in "abcdef":
        targets.owe(function, kind, name=name, count=2, now=clock.now())

    served = []
    for _round in range(6):
        claims = engine.claim(engine.deliver, free=2)
        engine.settle([(c, engine.deliver.run(c)) for c in claims], engine.deliver)
        served += [claim.row.target for claim in claims]

    assert served == list("abcdefabcdef")


def test_ten_thousand_pending_ones_drain_and_add_up(engine, kind, settings):
    settings.DELIVERY_SLOTS_PER_TARGET = 50
    function = make_function()
    for name in ("one", "other"):
        targets.owe(function, kind, name=name, count=5000, now=clock.now())

    while claims := engine.claim(engine.deliver, free=100):
        engine.settle([(c, engine.deliver.run(c)) for c in claims], engine.deliver)

    assert Delivery.objects.filter(status="DELIVERED").count() == 10_000
    assert len({parcel for parcel, _record in kind.taken}) == 10_000


def test_what_was_released_has_spent_no_try(engine, kind):
    delivery = notify(engine, kind)
    claims = engine.claim(engine.deliver)

    engine.deliver.release(engine.worker(engine.deliver), claims)
    engine.run()

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("DELIVERED", 1)


def test_a_dead_couriers_parcel_goes_out_again_under_its_id(engine, kind):
    delivery = notify(engine, kind)
    (claim,) = engine.claim(engine.deliver)
    engine.deliver.run(claim)  # It arrives, and the courier dies before it settles.

    clock.shift(11)
    sweep.sweep()
    engine.run()

    delivery.refresh_from_db()
    assert delivery.status == "DELIVERED"
    assert [parcel for parcel, _record in kind.taken] == [str(delivery.delivery_id)] * 2


def test_a_dead_letter_is_sent_again_after_the_repair(engine, kind):
    kind.trouble = targets.forbidden()
    delivery = notify(engine, kind)
    engine.run()
    kind.trouble = None

    assert delivering.resend(delivery, by="admin")
    engine.run()

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.reason) == ("DELIVERED", 2, "")


def test_a_try_is_not_taken_for_a_persons_unless_one_asked_for_it(engine, kind):
    delivery = notify(engine, kind)
    kind.trouble = targets.away()
    engine.run()
    delivering.resend(delivery, by="amy")
    engine.run()
    kind.trouble = None
    engine.run_out()

    tries = delivery.attempt_set.values_list("asked_by", "succeeded")
    assert list(tries) == [("", False), ("amy", False), ("", True)]


def test_who_asked_is_not_forgotten_when_the_courier_dies(engine, kind):
    kind.trouble = targets.forbidden()
    delivery = notify(engine, kind)
    engine.run()
    kind.trouble = None
    delivering.resend(delivery, by="amy")
    engine.claim(engine.deliver)

    clock.shift(11)
    sweep.sweep()
    engine.run()

    assert delivery.attempt_set.last().asked_by == "amy"


def test_a_resend_replaces_the_pending_try(engine, kind):
    kind.trouble = targets.away()
    delivery = notify(engine, kind)
    engine.run()
    kind.trouble = None

    delivering.resend(delivery, by="admin")
    engine.run()
    clock.shift(60)
    engine.run()

    assert len(kind.taken) == 1


def test_what_is_under_way_is_not_sent_again(engine, kind):
    delivery = notify(engine, kind)
    engine.claim(engine.deliver)

    assert not delivering.resend(delivery, by="admin")


def test_an_arrived_one_is_repeated_where_its_kind_can_be(engine, kind):
    delivery = notify(engine, kind)
    engine.run()

    assert delivering.resend(delivery, by="admin")
    engine.run()

    assert len(kind.taken) == 2


def test_a_function_is_not_started_twice_by_a_resend(engine):
    target, function = make_function(), make_function()
    make_config(function, on_success=target)
    accept(function)
    engine.run()

    assert not delivering.resend(Delivery.objects.get(), by="admin")


def test_all_of_a_target_are_sent_again_since_a_time(engine, kind):
    kind.trouble = targets.forbidden()
    old = notify(engine, kind)
    clock.shift(3600)
    new = [notify(engine, kind) for _one in range(2)]
    other = notify(engine, kind, "elsewhere")
    engine.run()
    kind.trouble = None
    of_target = Delivery.objects.filter(target_key=old.target_key)

    recent = clock.now() - timedelta(minutes=5)
    count = delivering.resend_all(
        delivering.to_resend(of_target, since=recent), by="admin"
    )
    engine.run()

    assert count == 2
    assert [Delivery.objects.get(pk=one.pk).status for one in (old, *new, other)] == [
        "FAILED",
        "DELIVERED",
        "DELIVERED",
        "FAILED",
    ]


def test_functions_are_not_held_back_by_a_target_that_is_away(engine, kind):
    kind.trouble = targets.away()
    notify(engine, kind)
    leases.sign_off(engine.worker(engine.deliver))
    function = make_function()
    invocation = accept(function)

    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])

    invocation.refresh_from_db()
    assert invocation.status == "SUCCESS"
