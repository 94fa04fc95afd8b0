"""Notifications: who is told what, exactly once; and loops."""

import json
from datetime import timedelta

import pytest

from asyncconfig import clock, removing
from asyncconfig.invocations import accepting
from asyncconfig.models import Delivery, Invocation
from asyncconfig.reports import balancing
from asyncconfig.worker import sweep
from functions import publishing
from functions.code import deploy, text_package
from functions.qualifiers import Resolved
from tests.support.engine import record_received_by, states
from tests.support.factories import (
    ECHO,
    RAISES,
    accept,
    latest,
    make_config,
    make_function,
)

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


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
    assert balancing.balance().drift == 0


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
    sweep.sweep()
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
    assert delivery.reason == "Function test2 no longer exists."


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


def test_the_input_of_a_loop_does_not_grow_without_end(engine):
    a, b = make_function("a", source=ECHO), make_function("b", source=ECHO)
    make_config(a, on_success=b)
    make_config(b, on_success=a)
    accept(a, json.dumps({"text": 'say "hello" ' * 200}).encode())

    engine.run()

    sizes = [len(row.payload) for row in Invocation.objects.order_by("pk")]
    assert len(sizes) == 17
    assert max(sizes) < 4 * 262_144
    records = [bytes(one.record) for one in Delivery.objects.all()]
    cut = [one for one in records if b'"payloads_omitted":true' in one]
    assert len(cut) == sum(size > 262_144 for size in sizes[:-1]) > 0


def test_a_stopped_loop_notifies_no_function(engine, settings):
    settings.ASYNC_MAX_HOPS = 1
    a = make_function("a")
    make_config(a, on_success=a, on_failure=a)
    accept(a)

    engine.run()

    skipped = Delivery.objects.order_by("pk").last()
    assert (skipped.status, skipped.reason.startswith("The loop")) == ("SKIPPED", True)
    assert Invocation.objects.count() == 2


def test_what_waits_runs_the_code_in_force_when_it_starts(engine):
    function = make_function(source="def handler(event, context):\n    return 'old'\n")
    late = accept(function)
    told = {"name": "v1", "description": "", "now": clock.now()}
    published = publishing.publish(function, **told)
    origin = accepting.Origin(by="test")
    pinned = accepting.accept(Resolved(published), b"{}", origin=origin)
    new = text_package(
        "def handler(event, context):\n    return 'new'\n", handler="index.handler"
    )
    deploy(latest(function), new)

    engine.run()

    results = {row.pk: bytes(row.result) for row in Invocation.objects.all()}
    assert results == {late.pk: b"new", pinned.pk: b"old"}


def test_the_revision_at_acceptance_decides(engine):
    test2, test3 = make_function("test2"), make_function("test3")
    function = make_function()
    make_config(function, on_success=test2)
    accept(function)
    make_config(function, on_success=test3)

    engine.run()

    assert Invocation.objects.filter(function=test2).count() == 1
    assert not Invocation.objects.filter(function=test3).exists()
