"""What nobody needs any more goes, and nothing that somebody needs."""

import os
from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection

from asyncconfig import clock, removing
from asyncconfig.models import Attempt, Delivery, Invocation, MessageDelivery, Worker
from asyncconfig.worker import leases, leftovers, retention
from functions import running
from tests.support.factories import accept, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

DAY = 24 * 3600


def session(seconds):
    made = SessionStore()
    made.set_expiry(clock.now() + timedelta(seconds=seconds))
    made.save()
    return made.session_key


def test_workers_go_when_they_stopped_long_ago_and_hold_nothing(engine):
    accept(make_function("done"))
    engine.run()
    holding, old = leases.register("invoke", slots=1), engine.worker(engine.invoke)
    accept(make_function("held"))
    engine._workers["invoke"] = holding
    engine.claim()
    for worker in (holding, old):
        leases.sign_off(worker)
    clock.shift(20 * DAY)
    recent, living = (leases.register("invoke", slots=1) for _turn in range(2))
    leases.sign_off(recent)
    clock.shift(11 * DAY)

    assert leftovers.forget_workers() == 1
    assert leftovers.forget_workers() == 0
    left = set(Worker.objects.filter(queue="invoke"))
    assert left == {holding, recent, living}
    assert Attempt.objects.get().worker_name == old.name


def test_a_session_that_is_over_goes(engine):
    over, held = session(DAY), session(3 * DAY)
    clock.shift(2 * DAY)

    assert leftovers.forget_sessions() == 1
    assert [row.pk for row in Session.objects.all()] == [held]
    assert over != held


def test_no_chore_takes_more_than_a_batch_at_a_time(engine, monkeypatch):
    monkeypatch.setattr(leftovers, "ROWS", 2)
    for _turn in range(5):
        session(DAY)
    clock.shift(2 * DAY)

    assert [leftovers.forget_sessions() for _turn in range(4)] == [2, 2, 1, 0]


def test_all_of_it_is_done_where_retention_is(engine):
    session(DAY)
    leases.sign_off(engine.worker(engine.invoke))
    clock.shift(31 * DAY)

    retention.retire()

    assert not Session.objects.exists()
    assert not Worker.objects.exists()


@pytest.mark.parametrize("model", [Invocation, Delivery, MessageDelivery])
def test_deleting_a_worker_does_not_read_the_whole_history(engine, model):
    """The question that the database asks by itself, for the foreign key."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        explain = (
            "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        )
        cursor.execute(f"{explain} SELECT 1 FROM {table} WHERE worker_id = 7")
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())

    assert f"{model._meta.model_name}_of_worker" in plan


def test_code_of_a_function_that_was_deleted_is_let_go(engine, monkeypatch):
    kept, gone = make_function("kept"), make_function("gone", source=OTHER)
    for function in (kept, gone):
        accept(function)
    engine.run()
    runner = engine.invoke._runner
    runner.pool.kill_all()
    runner.pool._remover.submit(lambda: None).result()
    for folder in runner.pool._store.iterdir():
        os.utime(folder, (0, clock.now().timestamp() - 3600))
    removing.delete_function(gone)
    monkeypatch.setattr(running, "PRUNE_SECONDS", 0)

    runner.tidy()

    (left,) = runner.pool._store.iterdir()
    assert "handler" in (left / "code" / "index.py").read_text()
    assert (left / "code" / "index.py").read_text() != OTHER


OTHER = "def handler(event, context):\n    return 'other'\n"
