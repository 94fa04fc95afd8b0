"""Far more than there is room for: who is served all the same. Counts, not times."""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection  # noqa: F401 - for skipif

from asyncconfig import clock
from asyncconfig.lanes.outbox import TryResult
from asyncconfig.models import Delivery, Invocation
from asyncconfig.reports import balancing
from asyncconfig.worker import sweep
from functions.runtime import Kind, Outcome
from tests.support import targets
from tests.support.factories import accept, latest, make_config, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

WELL = Outcome(kind=Kind.OK, started=True)
HUNG = TryResult(False, "No answer came.", 15_000)
SLOTS = 8
MB = 1024 * 1024


def crowd(function, count, *, age=3600):
    """Write requests that wait already, many at once."""
    now = clock.now()
    version = latest(function)
    told = {"function": function, "version": version, "payload": b"{}"}
    times = {
        "accepted_at": now,
        "due_at": now,
        "deadline": now + timedelta(seconds=age),
    }
    rows = [Invocation(**told, **times) for _row in range(count)]
    Invocation.objects.bulk_create(rows, batch_size=1000)


def functions_of(claims):
    rows = Invocation.objects.filter(pk__in=[one.invocation_id for one in claims])
    return list(rows.values_list("function__name", flat=True))


def settle(engine, claims):
    engine.settle([(claim, WELL) for claim in claims])


def test_a_stranger_is_served_at_once_behind_20_000_that_wait(engine):
    crowd(make_function("crowd"), 20_000)
    settle(engine, engine.claim(free=SLOTS))

    stranger = accept(make_function("stranger"))
    claims = engine.claim(free=2)

    assert stranger.pk in [claim.invocation_id for claim in claims]


def test_200_functions_get_the_same_share(engine):
    for number in range(200):
        crowd(make_function(f"one-{number:03}"), 20)

    served = Counter()
    for _round in range(50):
        claims = engine.claim(free=SLOTS)
        served.update(functions_of(claims))
        settle(engine, claims)

    assert sum(served.values()) == 50 * SLOTS
    assert len(served) == 200
    assert set(served.values()) == {2}


@pytest.mark.django_db(transaction=True)
def test_10_000_that_expire_at_once_all_end_and_let_claims_come_in_between(engine):
    crowd(make_function("old"), 10_000, age=5)
    clock.shift(6)
    fresh = make_function("fresh")
    served = 0

    batches = 0
    while sweep.expire():
        batches += 1
        if batches % 100 == 1:
            accept(fresh)
            # It is dealt out in turns, and what is too old ends on the way.
            claims = engine.claim(free=2)
            served += functions_of(claims).count("fresh")
            settle(engine, claims)

    ended = Invocation.objects.filter(function__name="old", status="DISCARD")
    assert ended.count() == 10_000
    assert batches >= 10_000 // sweep.ROWS - 10
    assert served == Invocation.objects.filter(function=fresh).count() > 1
    assert balancing.balance().drift == 0


def test_10_000_owed_to_a_hanging_target_leave_the_healthy_one_its_share(
    engine, monkeypatch
):
    kind = targets.scripted(monkeypatch)
    function = make_function()
    hanging = ["hang-0", *(f"hang-{n}" for n in range(1, 5))]
    targets.owe(function, kind, name="hang-0", count=10_000, now=clock.now())
    for name in hanging[1:]:
        targets.owe(function, kind, name=name, count=20, now=clock.now())
    targets.owe(function, kind, name="well", count=40, now=clock.now())

    rounds = 0
    while Delivery.objects.filter(target="well").exclude(status="DELIVERED").exists():
        rounds += 1
        assert rounds < 40, "the healthy target starves"
        claims = engine.claim(engine.deliver, free=SLOTS)
        done = [
            (one, engine.deliver.run(one) if one.row.target == "well" else HUNG)
            for one in claims
        ]
        engine.settle(done, engine.deliver)

    # At least two of eight slots each time: half of what one target may have.
    assert rounds <= 20
    assert len(kind.taken) == 40


@pytest.mark.skipif(
    "connection.vendor != 'postgresql'",
    reason="The tests' SQLite keeps all of it in this process's memory.",
)
def test_memory_comes_back_after_bursts_of_large_bodies(engine):
    function = make_function(source="def handler(event, context):\n    return 'x'\n")
    make_config(function, max_retries=0)
    body = b'"' + b"x" * (256 * 1024 - 2) + b'"'

    def burst():
        for _request in range(60):
            accept(function, body)
        while claims := engine.claim(free=SLOTS):
            settle(engine, claims)

    burst()
    before = _memory()
    for _burst in range(4):
        burst()

    # Sixty bodies are 15 MB; four times as many may not stay.
    assert _memory() - before < 30 * MB
    assert Invocation.objects.filter(status="SUCCESS").count() == 300


def _memory():
    """Return the bytes of memory that this process has for itself."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
