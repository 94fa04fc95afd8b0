"""What is asked all the time costs the same however long the history is."""

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from asyncconfig import clock
from asyncconfig.models import Delivery, Invocation, MessageDelivery
from asyncconfig.worker import sweep
from functions import creating
from tests.support.factories import accept, latest, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

HISTORY = 2000
FEW = 20
GROWING = (Invocation, Delivery, MessageDelivery)
PARTIAL = {
    index.name for model in GROWING for index in model._meta.indexes if index.condition
}


@pytest.fixture(params=["with statistics", "without"])
def history(request):
    """Thousands of rows that are done, and a few that are not.

    PostgreSQL gathers statistics by itself; SQLite has none unless somebody asks.
    """
    function, other = make_function("busy"), make_function("quiet")
    creating.set_max_instances(function, 5)
    version, now = latest(function), clock.now()
    past = {"accepted_at": now, "due_at": now, "deadline": now + timedelta(hours=1)}
    invocations = Invocation.objects.bulk_create(
        Invocation(
            function=function,
            version=version,
            status="SUCCESS",
            finished_at=now,
            **past,
        )
        for _row in range(HISTORY)
    )
    owed = {"target_key": "1:OBS:logs", "created_at": now, "due_at": now}
    owed |= {"deadline": now + timedelta(hours=1)}
    states = [{"status": "DELIVERED", "finished_at": now}] * (HISTORY - FEW)
    states += [{"status": "WAIT"}] * FEW
    Delivery.objects.bulk_create(
        Delivery(
            invocation=invocation,
            function=function,
            kind="OBS",
            param="{}",
            target="logs",
            record=b"{}",
            **owed,
            **state,
        )
        for invocation, state in zip(invocations, states, strict=True)
    )
    MessageDelivery.objects.bulk_create(
        MessageDelivery(protocol="http", endpoint="http://192.0.2.1", **owed, **state)
        for state in states
    )
    for one in (function, other):
        for _row in range(FEW):
            accept(one)
    if request.param == "with statistics" or connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


@contextmanager
def asked():
    """Collect the reads and updates of tables that grow, as they are run."""
    found = []
    tables = [model._meta.db_table for model in GROWING]

    def note(execute, sql, params, many, context):
        if any(table in sql for table in tables) and not sql.startswith("INSERT"):
            found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def reads_of(sql, params):
    """Return how each growing table is read: lines of the plan, with conditions."""
    on_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if on_sqlite else ''} {sql}", params)
        lines = [row[-1].strip() for row in cursor.fetchall()]
    if not on_sqlite:
        pairs = zip(lines, [*lines[1:], ""], strict=True)
        lines = [
            line + (f" {after}" if after.startswith("Index Cond") else "")
            for line, after in pairs
        ]
    tables = "|".join(model._meta.db_table for model in GROWING)
    aliases = re.findall(rf'(?:{tables})"? (i|o|U\d)\b', sql)
    names = "|".join([tables, *aliases])
    how = rf"(SCAN|SEARCH) ({names})\b" if on_sqlite else rf"Scan.* on ({tables})\b"
    return [line for line in lines if re.search(how, line)]


def is_bounded(line):
    """Say whether a read passes by what is done, or goes straight to its rows."""
    index = re.search(r"(?:USING (?:COVERING )?INDEX|using) (\w+)", line)
    if index and index[1] in PARTIAL:
        return True
    is_by_key = "INTEGER PRIMARY KEY (rowid=?)" in line or "_pkey" in line
    return is_by_key or "status=?" in line or "status = " in line


def check(found):
    assert found
    for sql, params in found:
        reads = reads_of(sql, params)
        assert reads, sql
        assert [line for line in reads if not is_bounded(line)] == [], sql


def test_a_worker_reads_nothing_of_what_is_done(engine, history):
    with asked() as found:
        assert engine.invoke.is_anything_due()
        claims = engine.claim(free=3)
        engine.invoke.tick(engine.worker(engine.invoke), held=claims, started=claims)
        engine.invoke.seconds_to_next(after=clock.now())

    assert len(claims) == 3
    check(found)


@pytest.mark.parametrize("name", ["deliver", "notify"])
def test_a_courier_reads_nothing_of_what_has_arrived(engine, history, name):
    lane = getattr(engine, name)
    with asked() as found:
        assert lane.is_anything_due()
        claims = engine.claim(lane, free=3)
        lane.tick(engine.worker(lane), held=claims, started=[])
        lane.seconds_to_next(after=clock.now())

    assert claims
    check(found)


def test_a_sweep_reads_nothing_of_what_is_done(engine, history):
    gone = make_function("gone")
    accept(gone)
    creating.mark_deleted(gone)
    with asked() as found:
        sweep.sweep()
        engine.claim(free=3)
        clock.shift(3700)
        sweep.sweep()

    assert not Invocation.objects.waiting().exists()
    check(found)
