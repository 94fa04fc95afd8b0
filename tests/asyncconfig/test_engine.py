"""The engine's rules; each test fails when its rule is removed."""

import pytest

from asyncconfig import clock
from asyncconfig.invocations import cancelling, settling
from asyncconfig.models import Attempt, Delivery, Invocation, Worker
from asyncconfig.reports import balancing
from asyncconfig.worker import sweep
from asyncconfig.worker.dispatching import Dispatcher
from functions import creating
from tests.support.engine import record_received_by, states
from tests.support.factories import RAISES, accept, latest, make_config, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

# It takes the zygote along, so that nobody can say how the instance ended.
LOSES_ITSELF = (
    "import os, signal, time\n"
    "def handler(event, context):\n"
    "    os.kill(os.getppid(), signal.SIGKILL)\n"
    "    time.sleep(60)\n"
)


def test_a_result_ends_as_success(engine):
    invocation = accept(make_function(), b'{"n": 1}')

    engine.run()

    invocation.refresh_from_db()
    assert invocation.status == "SUCCESS"
    assert bytes(invocation.result) == b"hello world!"
    assert (invocation.attempts, invocation.losses) == (1, 0)
    assert invocation.attempt_set.get().log_text.count(str(invocation.request_id)) == 4


def test_without_a_configuration_a_raising_function_runs_once(engine):
    invocation = accept(make_function(source=RAISES))

    engine.run_out()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.attempts) == ("FAIL", 1)
    assert invocation.error == "ValueError: asked to fail"
    assert invocation.condition == "UnhandledInvocationError"


def test_retries_run_when_due_and_one_record_counts_them(engine):
    test3 = make_function("test3")
    bad = make_function(source=RAISES)
    make_config(bad, max_retries=2, on_failure=test3)
    accept(bad, b"[1]")

    engine.run_out()

    record = record_received_by(test3)
    assert record["request_context"]["approximate_invoke_count"] == 3
    assert record["request_payload"] == "[1]"
    attempts = Attempt.objects.filter(invocation__function=bad)
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert all(attempt.finished_at >= attempt.due_at for attempt in attempts)


def test_a_retry_past_the_deadline_is_not_waited_for(engine):
    test3 = make_function("test3")
    bad = make_function(source=RAISES)
    make_config(bad, max_retries=3, max_age_seconds=5, on_failure=test3)
    accept(bad)

    engine.run()

    context = record_received_by(test3)["request_context"]
    assert context["condition"] == "EventAgeExceeded"
    assert context["approximate_invoke_count"] == 1


def test_what_never_ran_in_time_is_discarded_and_told(engine):
    test3 = make_function("test3")
    function = make_function()
    make_config(function, max_age_seconds=5, on_failure=test3)
    invocation = accept(function)

    clock.shift(6)
    sweep.sweep()
    engine.run()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.error_code) == ("DISCARD", 200408)
    assert record_received_by(test3)["response_context"]["status_code"] == 500


def test_a_claim_too_late_is_discarded_without_the_sweep(engine):
    function = make_function()
    make_config(function, max_age_seconds=5)
    accept(function)

    clock.shift(6)
    engine.run()

    assert states() == ["DISCARD"]


def test_a_stale_settle_decides_nothing_and_is_kept(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    invocation = accept(function)
    (claim,) = engine.claim()
    Invocation.objects.update(epoch=claim.epoch + 1)

    engine.settle([(claim, engine.invoke.run(claim))])

    invocation.refresh_from_db()
    assert invocation.status == "RUNNING"
    assert not Delivery.objects.exists()
    late = invocation.attempt_set.get()
    assert (late.is_late, late.number, late.kind) == (True, 0, "ok")


def test_a_claim_raises_the_epoch_and_is_had_once(engine):
    accept(make_function())

    first, second = engine.claim(), engine.claim()

    assert [claim.epoch for claim in first] == [1]
    assert second == []


def test_a_dead_workers_rows_are_free_when_its_lease_is_over(engine):
    invocation = accept(make_function())
    engine.claim()
    dead = Worker.objects.get()

    clock.shift(5)
    sweep.sweep()
    assert states() == ["RUNNING"]
    clock.shift(6)
    sweep.sweep()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.attempts, invocation.losses) == ("WAIT", 0, 1)
    assert invocation.attempt_set.get().kind == "lost"
    dead.refresh_from_db()
    assert dead.stopped_at


def test_rows_claimed_by_a_dead_worker_are_freed(engine):
    """It stalled past its lease, was marked dead, and went on to claim."""
    function = make_function()
    make_config(function, on_success=make_function("test2"))
    invocation = accept(function)
    worker = engine.worker(engine.invoke)
    engine.claim()
    Worker.objects.filter(pk=worker.pk).update(stopped_at=clock.now())

    sweep.sweep()
    invocation.refresh_from_db()
    assert (invocation.status, invocation.losses) == ("WAIT", 1)
    engine.run()
    assert states() == ["SUCCESS", "SUCCESS"]


def test_rows_claimed_by_a_dead_courier_are_freed(engine):
    function = make_function()
    make_config(function, on_success=make_function("test2"))
    accept(function)
    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])
    courier = engine.worker(engine.deliver)
    engine.claim(engine.deliver)
    Worker.objects.filter(pk=courier.pk).update(stopped_at=clock.now())

    sweep.sweep()
    assert Delivery.objects.get().status == "WAIT"


def test_a_worker_marked_dead_claims_nothing_and_starts_over(engine):
    dispatcher = Dispatcher(engine.invoke, slots=1)
    dispatcher.worker = engine.worker(engine.invoke)
    accept(make_function())
    Worker.objects.update(stopped_at=clock.now())

    dispatcher._step()

    assert states() == ["WAIT"]
    assert dispatcher._lost.is_set()


def test_losses_spend_no_retry_and_end_in_quarantine(unconfined, engine, settings):
    settings.MAX_LOSSES = 3
    test3 = make_function("test3")
    function = make_function(source=LOSES_ITSELF)
    make_config(function, max_retries=1, on_failure=test3)
    accept(function)

    engine.run()

    invocation = Invocation.objects.get(function=function)
    assert (invocation.status, invocation.cause) == ("FAIL", "quarantined")
    assert (invocation.attempts, invocation.losses) == (0, 3)
    context = record_received_by(test3)["request_context"]
    assert context["condition"] == "SystemError"
    assert context["approximate_invoke_count"] == 0


def test_a_claimed_row_that_never_started_is_no_loss(engine):
    function = make_function()
    accept(function)
    accept(function)
    engine.invoke._seconds[latest(function).pk] = 0.001
    engine.claim(free=1, ahead=1)

    clock.shift(11)
    sweep.sweep()

    assert [row.losses for row in Invocation.objects.order_by("pk")] == [1, 0]


def test_released_work_is_no_attempt(engine):
    invocation = accept(make_function())
    claims = engine.claim()

    engine.invoke.release(engine.worker(engine.invoke), claims)

    invocation.refresh_from_db()
    assert (invocation.status, invocation.attempts, invocation.losses) == ("WAIT", 0, 0)
    assert not Attempt.objects.exists()


def test_a_cancelled_request_does_not_start_again_when_its_worker_stops(engine):
    started, ahead = (accept(make_function()) for _row in range(2))
    claims = engine.claim()
    for row in (started, ahead):
        cancelling.cancel(row, by="somebody")

    engine.invoke.release(engine.worker(engine.invoke), claims)

    assert states() == ["FAIL", "FAIL"]
    started.refresh_from_db()
    assert (started.condition, started.error) == ("Cancelled", "Cancelled by somebody.")
    assert engine.claim() == []


def test_a_cancelled_request_that_waits_all_the_same_is_not_run(engine):
    """Versions before this one left such rows behind."""
    accept(make_function())
    Invocation.objects.update(cancel="stop", cancelled_by="somebody")

    assert engine.claim() == []
    assert Invocation.objects.get().condition == "Cancelled"


def test_a_cancelled_request_is_not_quarantined_but_cancelled(engine, settings):
    settings.MAX_LOSSES = 1
    invocation = accept(make_function())
    engine.claim()
    cancelling.cancel(invocation, by="somebody")

    clock.shift(11)
    sweep.sweep()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.condition) == ("FAIL", "Cancelled")


def test_what_has_moved_on_since_it_was_read_is_not_moved_back(engine, monkeypatch):
    """Even where a lock is no help: an update that moves nothing decides nothing."""
    function = make_function(source=RAISES)
    make_config(function, max_retries=3)
    invocation = accept(function)
    (claim,) = engine.claim()
    follow = settling._follow

    def meanwhile(*told):
        Invocation.objects.update(status="WAIT", worker=None, epoch=claim.epoch + 1)
        return follow(*told)

    monkeypatch.setattr(settling, "_follow", meanwhile)
    engine.settle([(claim, engine.invoke.run(claim))])

    late = Attempt.objects.get()
    assert (late.is_late, late.number) == (True, 0)
    invocation.refresh_from_db()
    assert (invocation.status, invocation.attempts) == ("WAIT", 0)


def test_claims_are_fair_across_functions(engine):
    busy, quiet = make_function("busy"), make_function("quiet")
    for _turn in range(10):
        accept(busy)
    accept(quiet)

    claims = engine.claim(free=4)

    served = [claim.spec.function for claim in claims]
    assert sorted(served) == ["busy", "busy", "busy", "quiet"]


def test_only_fast_functions_are_claimed_ahead(engine):
    slow, fast = make_function("slow"), make_function("fast")
    engine.invoke._seconds = {latest(slow).pk: 5.0, latest(fast).pk: 0.001}
    for function in (slow, fast):
        for _turn in range(5):
            accept(function)

    claims = engine.claim(free=2, ahead=3)

    served = sorted(claim.spec.function for claim in claims)
    assert served == ["fast", "fast", "fast", "fast", "slow"]


def test_over_its_concurrency_a_request_waits(engine):
    function = make_function()
    creating.set_max_instances(function, 2)
    for _turn in range(3):
        accept(function)

    assert len(engine.claim()) == 2
    assert engine.claim() == []


def test_nothing_a_function_prints_or_raises_upsets_the_database(engine):
    source = (
        "def handler(event, context):\n"
        "    print('a\\x00b\\ud800')\n"
        "    raise ValueError('zero \\x00 and \\ud800')\n"
    )
    invocation = accept(make_function(source=source))

    engine.run()

    invocation.refresh_from_db()
    assert invocation.status == "FAIL"
    assert invocation.error.startswith("ValueError: zero")


def test_accepted_equals_the_sum_of_all_states(engine):
    good, bad = make_function(), make_function(source=RAISES)
    make_config(bad, max_retries=1, on_failure=good)
    for function in (good, bad, bad):
        accept(function)
        engine.step()

    assert balancing.balance().drift == 0
    engine.run_out()
    assert balancing.balance().drift == 0
