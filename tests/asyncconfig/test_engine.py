"""The engine's rules; each test fails when its rule is removed."""

import json
from datetime import timedelta

import pytest

from asyncconfig import (
    accepting,
    cancelling,
    clock,
    conserving,
    removing,
    retiring,
    sweeping,
)
from asyncconfig.exceptions import (
    FunctionDisabled,
    NotCancellable,
    PayloadRefused,
    PayloadTooLarge,
    TooManyWaiting,
)
from asyncconfig.models import Attempt, Delivery, Invocation, Worker
from functions import creating
from functions.qualifiers import Resolved
from tests.factories import RAISES, accept, latest, make_config, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

KILLS_ITSELF = (
    "import os, signal\n"
    "def handler(event, context):\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
)


def states():
    return [row.status for row in Invocation.objects.order_by("pk")]


def record_received_by(function):
    return json.loads(bytes(Invocation.objects.get(function=function).payload))


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


def test_success_tells_the_one_and_failure_the_other(engine):
    test2, test3 = make_function("test2"), make_function("test3")
    good = make_function("good")
    bad = make_function("bad", source=RAISES)
    for function in (good, bad):
        make_config(function, max_retries=0, on_success=test2, on_failure=test3)
        accept(function, b'{"aaa": "123"}')

    engine.run()

    told, warned = record_received_by(test2), record_received_by(test3)
    assert told["request_context"]["function_urn"] == good.urn("latest")
    assert told["response_payload"] == "hello world!"
    assert warned["request_payload"] == '{"aaa": "123"}'
    assert warned["response_context"] == {
        "status_code": 200,
        "function_error": "ValueError: asked to fail",
    }
    assert states() == ["SUCCESS", "FAIL", "SUCCESS", "SUCCESS"]
    assert conserving.balance().drift == 0


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
    sweeping.sweep()
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
    sweeping.sweep()
    assert states() == ["RUNNING"]
    clock.shift(6)
    sweeping.sweep()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.attempts, invocation.losses) == ("WAIT", 0, 1)
    assert invocation.attempt_set.get().kind == "lost"
    dead.refresh_from_db()
    assert dead.stopped_at


def test_losses_spend_no_retry_and_end_in_quarantine(engine, settings):
    settings.MAX_LOSSES = 3
    test3 = make_function("test3")
    function = make_function(source=KILLS_ITSELF)
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
    sweeping.sweep()

    assert [row.losses for row in Invocation.objects.order_by("pk")] == [1, 0]


def test_released_work_is_no_attempt(engine):
    invocation = accept(make_function())
    claims = engine.claim()

    engine.invoke.release(engine.worker(engine.invoke), claims)

    invocation.refresh_from_db()
    assert (invocation.status, invocation.attempts, invocation.losses) == ("WAIT", 0, 0)
    assert not Attempt.objects.exists()


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


def test_a_function_target_is_accepted_exactly_once(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    claims = engine.claim()
    engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    (first,) = engine.claim(engine.deliver)
    Delivery.objects.update(status="WAIT", worker=None, epoch=first.epoch + 1)
    (second,) = engine.claim(engine.deliver)

    engine.settle([(first, None), (second, None)], engine.deliver)

    assert Invocation.objects.filter(function=test2).count() == 1
    delivery = Delivery.objects.get()
    assert delivery.status == "DELIVERED"
    assert [one.is_late for one in delivery.attempt_set.all()] == [True, False]


def test_a_dead_couriers_delivery_is_sent_by_another(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    claims = engine.claim()
    engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    engine.claim(engine.deliver)

    clock.shift(11)
    sweeping.sweep()
    engine.run()

    assert Delivery.objects.get().status == "DELIVERED"


def test_a_target_that_is_gone_is_a_dead_letter_with_its_reason(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    removing.delete_function(test2)

    engine.run()

    delivery = Delivery.objects.get()
    assert delivery.status == "FAILED"
    assert delivery.reason == "Function test2 does not exist any more."


def test_a_right_taken_away_is_a_dead_letter_with_its_action(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    agency = latest(function).agency
    agency.actions = []
    agency.save()

    engine.run()

    assert "functiongraph:function:invokeAsync" in Delivery.objects.get().reason


def test_a_full_target_is_told_later(engine, settings):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])
    settings.MAX_WAITING = 0

    engine.step()
    waiting = Delivery.objects.get()
    settings.MAX_WAITING = 10
    accepting.recent.forget()
    engine.run_out()

    assert (waiting.status, waiting.attempts) == ("WAIT", 1)
    assert waiting.due_at - waiting.created_at > timedelta(seconds=4)
    assert Delivery.objects.get().status == "DELIVERED"


@pytest.mark.parametrize(("size", "truncated"), [(262_144, False), (262_145, True)])
def test_a_result_over_256_kb_is_told_as_empty(engine, size, truncated):
    test2 = make_function("test2")
    source = f"def handler(event, context):\n    return 'x' * {size}\n"
    function = make_function(source=source)
    make_config(function, on_success=test2)
    invocation = accept(function)

    engine.run()

    invocation.refresh_from_db()
    assert (invocation.result_truncated, invocation.result_size) == (truncated, size)
    payload = record_received_by(test2)["response_payload"]
    assert payload == ("" if truncated else "x" * size)


def test_a_loop_that_is_let_run_ends_after_sixteen_runs(engine):
    a, b = make_function("a"), make_function("b")
    make_config(a, on_success=b)
    make_config(b, on_success=a)
    accept(a)

    engine.run()

    ended = Invocation.objects.order_by("pk")
    assert [row.status for row in ended] == ["SUCCESS"] * 16 + ["DISCARD"]
    last = ended.last()
    assert (last.condition, last.hops) == ("LoopDetected", 16)
    assert last.error.startswith("a → b → a")


def test_a_stopped_loop_notifies_no_function(engine, settings):
    settings.ASYNC_MAX_HOPS = 1
    a = make_function("a")
    make_config(a, on_success=a, on_failure=a)
    accept(a)

    engine.run()

    skipped = Delivery.objects.order_by("pk").last()
    assert (skipped.status, skipped.reason.startswith("The loop")) == ("SKIPPED", True)
    assert Invocation.objects.count() == 2


def test_deleting_a_function_ends_what_waits_and_keeps_its_history(engine):
    test3 = make_function("test3")
    function = make_function()
    make_config(function, on_failure=test3)
    done = accept(function)
    engine.run()
    waiting = accept(function)

    removing.delete_function(function)
    engine.run()

    done.refresh_from_db()
    waiting.refresh_from_db()
    assert done.status == "SUCCESS"
    assert (waiting.status, waiting.condition) == ("DISCARD", "FunctionUnavailable")
    assert waiting.error == f"Function {function.name} was deleted."
    record = record_received_by(test3)
    assert record["request_context"]["condition"] == "FunctionUnavailable"


def test_a_disabled_function_accepts_nothing(engine):
    function = make_function()
    removing.disable_function(function)

    with pytest.raises(FunctionDisabled, match="is disabled"):
        accept(function)
    assert not Invocation.objects.exists()


def test_a_full_queue_accepts_nothing(settings):
    settings.MAX_WAITING = 0

    with pytest.raises(TooManyWaiting):
        accept(make_function())


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        (b"aaa:123", PayloadRefused),
        (b"\xff", PayloadRefused),
        (b"[" * 100_000, PayloadRefused),
        (b'"' + b"x" * 262_144 + b'"', PayloadTooLarge),
    ],
)
def test_a_clients_bad_body_leaves_no_trace(payload, refusal):
    resolved = Resolved(latest(make_function()))

    with pytest.raises(refusal):
        accepting.accept_from_client(
            resolved, payload, origin=accepting.Origin(by="test")
        )
    assert not Invocation.objects.exists()


def test_the_revision_at_acceptance_decides(engine):
    test2, test3 = make_function("test2"), make_function("test3")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    make_config(function, on_success=test3)

    engine.run()

    assert Invocation.objects.filter(function=test2).count() == 1
    assert not Invocation.objects.filter(function=test3).exists()


def test_a_cancelled_waiting_request_never_runs(engine):
    test3 = make_function("test3")
    function = make_function()
    make_config(function, on_failure=test3)
    invocation = accept(function)

    cancelling.cancel(invocation, by="alice")
    engine.run()

    invocation.refresh_from_db()
    assert (invocation.status, invocation.error_code) == ("FAIL", 4208)
    assert invocation.error == "Cancelled by alice."
    assert record_received_by(test3)["response_context"]["status_code"] == 500


def test_a_cancelled_retry_is_not_resurrected(engine):
    function = make_function(source=RAISES)
    make_config(function, max_retries=3)
    invocation = accept(function)
    (claim,) = engine.claim()

    cancelling.cancel(invocation, by="alice")
    engine.settle([(claim, engine.invoke.run(claim))])
    engine.run_out()

    invocation.refresh_from_db()
    assert (invocation.condition, invocation.attempts) == ("Cancelled", 1)


def test_a_finished_request_cannot_be_cancelled(engine):
    invocation = accept(make_function())
    engine.run()

    with pytest.raises(NotCancellable):
        cancelling.cancel(invocation, by="alice")
    invocation.refresh_from_db()
    assert (invocation.status, invocation.cancelled_by) == ("SUCCESS", "")


def test_recursive_cancellation_stops_children(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    invocation = accept(function)
    engine.step()

    cancelling.cancel(invocation, by="alice", recursive=True)

    assert states() == ["SUCCESS", "FAIL"]


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

    assert conserving.balance().drift == 0
    engine.run_out()
    assert conserving.balance().drift == 0


def test_old_finished_requests_are_forgotten_and_open_ones_kept(engine):
    test2 = make_function("test2")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    engine.run()
    clock.shift(20 * 86_400)
    recent = accept(make_function())
    engine.run()
    clock.shift(15 * 86_400)
    waiting = accept(make_function())

    assert retiring.retire() == 2

    kept = set(Invocation.objects.values_list("pk", flat=True))
    assert kept == {recent.pk, waiting.pk}
    assert conserving.balance().drift == 0
