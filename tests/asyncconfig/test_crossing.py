"""Two transactions over one request: whichever comes first, both are heeded.

Each test holds one transaction open until the other one waits for it.
"""

import pytest
from django.db import connection, transaction

from asyncconfig import clock
from asyncconfig.exceptions import NotCancellable
from asyncconfig.invocations import cancelling, settling
from asyncconfig.models import Attempt, Invocation
from asyncconfig.worker import leases, sweep
from functions.runtime import Kind, Outcome
from tests.support.crossing import beside
from tests.support.factories import accept, make_config, make_function

pytestmark = [
    pytest.mark.engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="on SQLite one transaction writes at a time",
    ),
]

FAILED = Outcome(kind=Kind.CODE, code=4002, error="Error: asked", started=True)


@pytest.fixture
def claimed(engine):
    """A request that runs and will be tried again; returns the claim of it."""
    function = make_function()
    make_config(function, max_retries=3)
    accept(function)
    (claim,) = engine.claim()
    return claim


def test_a_wish_to_cancel_is_not_lost_while_a_failure_is_settled(engine, claimed):
    invocation = Invocation.objects.get()

    with beside(lambda: cancelling.cancel(invocation, by="somebody")):
        engine.settle([(claimed, FAILED)])

    invocation.refresh_from_db()
    assert (invocation.status, invocation.condition) == ("FAIL", "Cancelled")


def test_who_cancels_what_is_put_back_this_moment_stops_it(engine, claimed):
    invocation = Invocation.objects.get()

    with beside(lambda: engine.settle([(claimed, FAILED)])):
        cancelling.cancel(invocation, by="somebody")

    invocation.refresh_from_db()
    assert (invocation.status, invocation.condition) == ("FAIL", "Cancelled")
    assert invocation.attempts == 1


def test_who_cancels_what_ends_this_moment_is_told_so(engine, claimed):
    invocation = Invocation.objects.get()
    well = Outcome(kind=Kind.OK, started=True)

    with (
        beside(lambda: engine.settle([(claimed, well)])),
        pytest.raises(NotCancellable),
    ):
        cancelling.cancel(invocation, by="somebody")

    invocation.refresh_from_db()
    assert (invocation.status, invocation.cancel) == ("SUCCESS", "")


def test_what_is_cancelled_while_it_is_given_back_does_not_start_again(engine, claimed):
    invocation = Invocation.objects.get()
    worker = engine.worker(engine.invoke)

    def release():
        with transaction.atomic():
            engine.invoke.release(worker, [claimed])

    with beside(lambda: cancelling.cancel(invocation, by="somebody")):
        release()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.condition) == ("FAIL", "Cancelled")


def test_what_is_cancelled_while_its_worker_is_swept_does_not_start_again(
    engine, claimed
):
    invocation = Invocation.objects.get()
    clock.shift(11)

    with beside(lambda: cancelling.cancel(invocation, by="somebody")):
        sweep.sweep()
        # Rows that are locked are left to the next sweep: nothing waited.
        assert Invocation.objects.get().status == "RUNNING"
    sweep.sweep()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.condition) == ("FAIL", "Cancelled")


def test_a_worker_that_renews_while_the_sweep_looks_is_not_marked_dead(engine, claimed):
    worker = engine.worker(engine.invoke)
    clock.shift(11)

    with beside(lambda: leases.renew(worker)):
        sweep.mark_dead()

    sweep.sweep()
    assert Invocation.objects.get().status == "RUNNING"


def test_a_worker_marked_dead_while_it_renews_is_told_so(engine, claimed):
    worker = engine.worker(engine.invoke)
    clock.shift(11)

    with beside(sweep.mark_dead):
        assert not leases.renew(worker)


def test_a_result_that_comes_while_its_row_is_freed_is_late_and_nothing_else(
    engine, claimed
):
    """Stored as attempt 1 it would let nobody store the real one, for ever."""

    def free():
        settling.requeue(Invocation.objects.get(), now=clock.now(), started=True)

    with beside(free):
        engine.settle([(claimed, FAILED)])

    late = Attempt.objects.get()
    assert (late.is_late, late.number) == (True, 0)
    invocation = Invocation.objects.get()
    assert (invocation.status, invocation.attempts, invocation.losses) == ("WAIT", 0, 1)
    (again,) = engine.claim()
    engine.settle([(again, Outcome(kind=Kind.OK, started=True))])
    assert Invocation.objects.get().status == "SUCCESS"
    assert list(Attempt.objects.values_list("number", "is_late")) == [
        (0, True),
        (1, False),
    ]
