"""Whoever waits for a synchronous call is told of its end, whoever ended it."""

import pytest
from django.db import transaction

from asyncconfig import clock, queue, removing
from asyncconfig.invocations import cancelling, finishing
from asyncconfig.models import Invocation
from asyncconfig.worker import sweep
from tests.support.factories import accept, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]


def run(engine, called):
    engine.run()


def cancel(engine, called):
    cancelling.cancel(called, by="somebody")


def let_expire(engine, called):
    clock.shift((called.deadline - clock.now()).total_seconds() + 1)
    sweep.sweep()


def delete(engine, called):
    removing.delete_function(called.function)


def lose(engine, called):
    engine.claim()
    clock.shift(60)
    sweep.sweep()


def give_up(engine, called):
    (claim,) = engine.claim()
    with transaction.atomic():
        engine.invoke.give_up(claim, ValueError("no column takes it"))


@pytest.fixture(autouse=True)
def _no_silence(monkeypatch):
    """A failure in another test must not silence this one."""
    monkeypatch.setattr(queue, "_silence", queue._Silence())


def told(valkey, called):
    return valkey.llen(f"fg:result:{called.request_id}")


@pytest.mark.parametrize("end", [run, cancel, let_expire, delete, lose, give_up])
def test_no_end_leaves_a_caller_waiting(engine, valkey, end):
    called = accept(make_function(), mode=Invocation.Mode.SYNC)

    end(engine, called)

    called.refresh_from_db()
    assert called.is_finished
    assert told(valkey, called) == 1


def test_an_end_that_can_only_be_told_in_words_is_announced(
    engine, valkey, monkeypatch
):
    def refuse(*_told):
        raise ValueError("no result of this")

    called = accept(make_function(), mode=Invocation.Mode.SYNC)
    monkeypatch.setattr(finishing, "_fit", refuse)

    cancel(engine, called)

    called.refresh_from_db()
    assert called.error.endswith("ValueError: no result of this")
    assert told(valkey, called) == 1


def test_an_end_that_was_undone_is_not_announced(engine, valkey):
    called = accept(make_function(), mode=Invocation.Mode.SYNC)

    with transaction.atomic():
        cancel(engine, called)
        transaction.set_rollback(True)

    assert told(valkey, called) == 0


def test_a_batch_of_ends_costs_one_exchange(engine, valkey, monkeypatch):
    function = make_function()
    calls = [accept(function, mode=Invocation.Mode.SYNC) for _turn in range(3)]
    claims = engine.claim()
    done = [(claim, engine.invoke.run(claim)) for claim in claims]
    sent, quietly = [], queue._quietly
    monkeypatch.setattr(queue, "_quietly", lambda send: sent.append(quietly(send)))

    engine.settle(done)

    assert len(sent) == 1
    assert [told(valkey, called) for called in calls] == [1, 1, 1]


def test_nobody_is_told_of_what_nobody_waits_for(engine, valkey):
    asked = accept(make_function())

    engine.run()

    assert told(valkey, asked) == 0
