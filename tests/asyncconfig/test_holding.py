"""What a back-up left unsettled goes on only when an operator says so."""

from datetime import timedelta

import pytest

from asyncconfig import clock, holding
from asyncconfig.invocations import cancelling
from asyncconfig.models import Delivery, Invocation, MessageDelivery
from asyncconfig.reports import balancing
from asyncconfig.worker import leases, retention, sweep
from tests.support.engine import states
from tests.support.factories import accept, make_config, make_function

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


@pytest.fixture
def told():
    return make_function("told")


@pytest.fixture
def function(told):
    made = make_function("source")
    make_config(made, on_success=told, on_failure=told, max_age_seconds=60)
    return made


@pytest.fixture
def owed(engine, function):
    """A request that has ended, and what it owes."""
    request = accept(function)
    claims = engine.claim()
    engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    return Delivery.objects.get(invocation=request)


def let_pass(seconds):
    clock.shift(seconds)
    sweep.sweep()
    retention.retire()


def test_what_waits_and_runs_and_is_owed_is_neither_claimed_nor_expired(
    engine, function, owed
):
    accept(function)
    engine.claim()
    accept(function)

    assert holding.hold(at=clock.now()) == {
        "requests": 2,
        "notifications": 1,
        "messages": 0,
    }
    let_pass(86_400 * 60)

    assert engine.step() == 0
    assert states() == ["SUCCESS", "HELD", "HELD"]
    assert Delivery.objects.get().status == "HELD"
    assert engine.invoke.seconds_to_next(after=clock.now()) is None
    assert balancing.balance().drift == 0
    assert balancing.balance().by_status["HELD"] == 2


def test_holding_again_changes_nothing(function):
    accept(function)
    at = clock.now()
    holding.hold(at=at)

    assert holding.hold(at=at + timedelta(hours=1))["requests"] == 1
    assert Invocation.objects.get().held_at == at


def test_validity_counts_on_from_the_moment_of_the_backup(engine, function):
    accept(function)
    clock.shift(20)
    holding.hold(at=clock.now())
    clock.shift(7200)

    assert holding.release(holding.REQUESTS) == 1
    clock.shift(30)
    sweep.sweep()
    assert states() == ["WAIT"]

    clock.shift(11)
    sweep.sweep()
    assert states() == ["DISCARD"]


def test_what_is_released_runs_and_notifies_once(engine, function, told, owed):
    accept(function)
    holding.hold(at=clock.now())

    for kind in holding.KINDS:
        holding.release(kind)
    engine.run()

    assert Delivery.objects.filter(status="DELIVERED").count() == 2
    assert Invocation.objects.filter(function=told, status="SUCCESS").count() == 2
    assert balancing.balance().drift == 0


def test_a_worker_from_before_decides_nothing_after_the_restore(engine, function):
    accept(function)
    (claim,) = engine.claim()
    outcome = engine.invoke.run(claim)

    holding.hold(at=clock.now())
    engine.settle([(claim, outcome)])

    request = Invocation.objects.get()
    assert request.status == "HELD"
    assert request.attempt_set.get().is_late


@pytest.mark.parametrize(("notify", "status"), [(True, "WAIT"), (False, "SKIPPED")])
def test_what_is_discarded_ends_and_notifies_only_when_asked(function, notify, status):
    accept(function)
    holding.hold(at=clock.now())

    assert holding.discard(holding.REQUESTS, by="ops", notify=notify) == 1

    request = Invocation.objects.get()
    assert (request.status, request.condition) == ("FAIL", "Cancelled")
    assert request.error == "Cancelled by ops."
    assert request.delivery.status == status
    assert balancing.balance().drift == 0


def test_held_notifications_that_are_discarded_are_not_sent(engine, owed):
    holding.hold(at=clock.now())

    assert holding.discard(holding.NOTIFICATIONS, by="ops") == 1

    owed.refresh_from_db()
    assert owed.status == "SKIPPED"
    assert owed.reason == "Discarded by ops after a restore, without notifying."
    assert engine.step() == 0


def test_sending_all_of_a_target_again_leaves_what_is_held(owed):
    holding.hold(at=clock.now())

    assert Delivery.objects.all().send_again(by="somebody", now=clock.now()) == 0
    assert Delivery.objects.get().status == "HELD"


def test_what_is_held_can_be_cancelled_by_its_owner(function):
    request = accept(function)
    holding.hold(at=clock.now())

    cancelling.cancel(request, by="somebody")

    assert states() == ["FAIL"]


def test_a_call_that_somebody_waited_for_ends(function):
    accept(function, mode=Invocation.Mode.SYNC)

    assert holding.hold(at=clock.now())["requests"] == 0

    request = Invocation.objects.get()
    assert request.status == "FAIL"
    assert "nobody waits for this call" in request.error


def test_more_than_a_batch_is_released(function, monkeypatch):
    monkeypatch.setattr(holding, "ROWS", 2)
    for _number in range(5):
        accept(function)
    holding.hold(at=clock.now())

    assert holding.release(holding.REQUESTS) == 5
    assert set(states()) == {"WAIT"}
    assert not MessageDelivery.objects.held().exists()


def test_a_worker_says_how_it_isolates(engine):
    worker = leases.register("invoke", slots=1, isolation_level=2)

    assert worker.isolation_level == 2
