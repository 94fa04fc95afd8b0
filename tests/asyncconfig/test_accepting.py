"""What is accepted, cancelled, discarded and forgotten."""

import pytest

from asyncconfig import clock, removing
from asyncconfig.exceptions import (
    DiskFull,
    FunctionDisabled,
    NotCancellable,
    PayloadRefused,
    PayloadTooLarge,
    TooManyWaiting,
)
from asyncconfig.invocations import accepting, cancelling
from asyncconfig.models import Invocation
from asyncconfig.reports import balancing
from asyncconfig.worker import retention
from functions.qualifiers import Resolved
from tests.support.engine import record_received_by, states
from tests.support.factories import (
    RAISES,
    accept,
    latest,
    make_config,
    make_function,
    make_topic,
    subscribe,
)

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


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


def test_recursive_cancellation_follows_topics(engine):
    topic, function = make_topic(), make_function()
    subscribe(topic, "functionstage", make_function("listener"))
    make_config(function, on_success=topic)
    invocation, other = accept(function), accept(function)
    engine.step()
    (own,) = Invocation.objects.filter(root_id=invocation.request_id)

    cancelling.cancel(invocation, by="alice", recursive=True)

    own.refresh_from_db()
    assert own.condition == "Cancelled"
    assert Invocation.objects.get(root_id=other.request_id).status == "WAIT"


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

    retention.retire()

    kept = set(Invocation.objects.values_list("pk", flat=True))
    assert kept == {recent.pk, waiting.pk}
    assert balancing.balance().drift == 0


def test_a_full_disk_accepts_nothing(settings):
    settings.MIN_FREE_DISK_PERCENT = 101

    with pytest.raises(DiskFull, match="nearly full"):
        accept(make_function())
    assert not Invocation.objects.exists()
