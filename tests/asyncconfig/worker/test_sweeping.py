"""Chores keep nobody waiting, one row no other, and a clock kills no worker."""

import logging
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from asyncconfig import clock
from asyncconfig.invocations import settling
from asyncconfig.models import Attempt, Invocation, Worker
from asyncconfig.worker import leases, retention, sweep
from asyncconfig.worker.chores import BREATH_SECONDS, Chore
from asyncconfig.worker.dispatching import Dispatcher
from asyncconfig.worker.jumps import Jumps
from tests.support.engine import states
from tests.support.factories import (
    accept,
    make_config,
    make_function,
    make_topic,
    publish,
    subscribe,
)

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _no_memories(monkeypatch):
    """What another test did to the clock, or to a row, is forgotten."""
    monkeypatch.setattr(sweep, "jumps", Jumps())
    monkeypatch.setattr(sweep, "senseless", type(sweep.senseless)())


def expired(number, name="old"):
    function = make_function(name)
    make_config(function, max_age_seconds=5)
    rows = [accept(function) for _row in range(number)]
    clock.shift(6)
    return rows


def statuses(rows):
    return [Invocation.objects.get(pk=row.pk).status for row in rows]


def complaints(caplog):
    return [row for row in caplog.records if row.levelno >= logging.ERROR]


def test_thousands_of_expiries_let_claims_come_in_between(engine, monkeypatch):
    monkeypatch.setattr(sweep, "BATCH_SECONDS", 0)
    dispatcher = Dispatcher(engine.invoke, slots=1)
    dispatcher.worker = engine.worker(engine.invoke)
    old = expired(8)
    fresh = accept(make_function("fresh"))

    dispatcher._step()
    left = statuses(old).count("WAIT")
    pause = dispatcher._pause_of_chores()
    time.sleep(pause)
    dispatcher._step()

    assert left >= 6
    assert statuses(old).count("WAIT") < left
    assert statuses([fresh]) == ["RUNNING"]
    assert pause == BREATH_SECONDS


def test_a_row_that_makes_no_sense_ends_and_holds_up_no_other(
    engine, monkeypatch, caplog
):
    odd, *others = expired(3)
    decide = settling.ending_before_run

    def stumble(invocation, now):
        if invocation.pk == odd.pk:
            raise LookupError("what is this?")
        return decide(invocation, now)

    monkeypatch.setattr(settling, "ending_before_run", stumble)
    sweep.sweep()
    sweep.sweep()

    assert statuses([odd, *others]) == ["FAIL", "DISCARD", "DISCARD"]
    ended = Invocation.objects.get(pk=odd.pk)
    assert ended.error == "The request makes no sense: LookupError: what is this?"
    assert len(complaints(caplog)) == 1


def test_a_row_that_cannot_even_be_ended_is_spoken_of_once(engine, monkeypatch, caplog):
    odd, *others = expired(3)
    end = settling.end

    def stumble(invocation, ending, *, now):
        if invocation.pk == odd.pk:
            raise LookupError("what is this?")
        return end(invocation, ending, now=now)

    monkeypatch.setattr(settling, "end", stumble)
    sweep.sweep()
    said = len(complaints(caplog))
    sweep.sweep()

    assert statuses([odd, *others]) == ["WAIT", "DISCARD", "DISCARD"]
    assert len(complaints(caplog)) == said == 2


def test_what_a_dead_worker_left_behind_can_be_odd(engine):
    """An attempt of that claim exists already, though the request still runs."""
    rows = [accept(make_function()) for _row in range(2)]
    engine.claim()
    odd = Invocation.objects.get(pk=rows[0].pk)
    Attempt.objects.create(
        invocation=odd,
        number=0,
        epoch=odd.epoch,
        kind="lost",
        started_at=clock.now(),
        finished_at=clock.now(),
    )

    clock.shift(11)
    sweep.sweep()

    assert statuses(rows) == ["FAIL", "WAIT"]


def test_a_chore_that_fails_is_said_once_and_stops_no_other(caplog):
    def fail():
        raise ValueError("out of order")

    done = []
    chores = [Chore(fail, every=0), Chore(lambda: done.append(1) or 0, every=0)]

    for _step in range(3):
        for chore in chores:
            chore.turn()

    assert len(done) == 3
    assert len(complaints(caplog)) == 1


def test_a_chore_without_a_connection_leaves_that_to_the_dispatcher(monkeypatch):
    def fail():
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(type(connections["default"]), "is_usable", lambda self: False)
    with pytest.raises(OperationalError):
        Chore(fail, every=0).turn()


def test_who_forgets_old_requests_reads_neither_payloads_nor_young_ones(
    engine, settings
):
    function = make_function()
    make_config(function, on_success=make_function("told"))
    topic = make_topic()
    subscribe(topic, "functionstage", function)
    for _row in range(3):
        accept(function)
        publish(topic)
    engine.run()
    clock.shift(timedelta(days=settings.RETENTION_DAYS + 1).total_seconds())
    young = [accept(function) for _row in range(3)]

    with CaptureQueriesContext(connection) as asked:
        retention.retire()

    assert set(Invocation.objects.all()) == set(young)
    reads = [one["sql"] for one in asked if one["sql"].startswith("SELECT")]
    heavy = ('"payload"', '"result"', '"record"', '"body"', '"log"')
    assert [sql for sql in reads if any(column in sql for column in heavy)] == []
    with CaptureQueriesContext(connection) as asked:
        retention.retire()
    # One look at each kind, where nothing is old.
    looks = [one for one in asked if 'FROM "asyncconfig' in one["sql"]]
    assert len(looks) <= len(retention.CHORES) + 1


def test_old_requests_that_stay_do_not_keep_others_from_being_forgotten(
    engine, settings, monkeypatch
):
    monkeypatch.setattr(retention.old_invocations, "_rows", 2)
    slow = make_function()
    waiting = [accept(slow) for _row in range(4)]
    Invocation.objects.update(due_at=clock.now() + timedelta(days=90))
    done = accept(make_function())
    engine.run()
    clock.shift(timedelta(days=settings.RETENTION_DAYS + 1).total_seconds())

    retention.retire()

    left = set(Invocation.objects.values_list("pk", flat=True))
    assert left == {row.pk for row in waiting}
    assert done.pk not in left


def test_a_clock_that_jumps_ahead_costs_no_worker_its_lease(engine):
    accept(make_function())
    engine.claim()
    worker = engine.worker(engine.invoke)
    sweep.sweep()

    clock.jump(3600)
    sweep.sweep()
    clock.shift(3)
    sweep.sweep()

    assert states() == ["RUNNING"]
    assert leases.is_live(worker)
    assert leases.renew(worker)
    clock.shift(8)
    sweep.sweep()
    assert states() == ["RUNNING"]


def test_who_does_not_renew_after_a_jump_is_dead_a_lease_later(engine):
    accept(make_function())
    engine.claim()
    sweep.sweep()

    clock.jump(3600)
    sweep.sweep()
    clock.shift(9)
    sweep.sweep()
    assert states() == ["RUNNING"]
    clock.shift(2)
    sweep.sweep()

    assert states() != ["RUNNING"]
    assert Worker.objects.get().stopped_at


def test_a_slow_answer_of_the_database_is_no_jump(settings, monkeypatch):
    """The reading is up to three seconds old when it arrives."""
    jumps = Jumps()
    now = clock.now

    def slowly():
        moment = now()
        clock.shift(3)
        return moment

    monkeypatch.setattr(clock, "now", slowly)
    jumps.are_leases_true()
    monkeypatch.setattr(clock, "now", now)

    assert jumps.are_leases_true()
