"""No order of events breaks the protocol; each guard that is taken away is missed.

MODEL_CASES says how many orders are tried; CI tries more than a laptop. They are the
same each time, unless MODEL_RANDOM is set.
"""

import os
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis
from hypothesis.stateful import run_state_machine_as_test

from asyncconfig.invocations import finishing, settling
from asyncconfig.models.invocation import InvocationQuerySet
from asyncconfig.worker import sweep
from tests.asyncconfig.model.machine import Machine
from tests.asyncconfig.model.oracle import LEASE, MAX_LOSSES
from tests.asyncconfig.model.world import MOST_HOPS, World, stand_still
from tests.support.crossing import both
from tests.support.targets import scripted

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]

CASES = int(os.environ.get("MODEL_CASES", "15"))
IS_RANDOM = "MODEL_RANDOM" in os.environ
# Taking a guard away must show in so many cases.
MOST_CASES = 400


@pytest.fixture
def machine(settings, monkeypatch, tmp_path):
    settings.RUNTIME_DIR = tmp_path
    settings.ASYNC_RETRY_BASE_SECONDS, settings.ASYNC_RETRY_CAP_SECONDS = 10.0, 600.0
    settings.WORKER_LEASE_SECONDS = LEASE
    settings.ASYNC_MAX_HOPS, settings.MAX_LOSSES = MOST_HOPS, MAX_LOSSES
    # Batches are bounded by rows here, and not by how fast this machine is.
    monkeypatch.setattr(sweep, "BATCH_SECONDS", 3600.0)
    stand_still(monkeypatch)

    class Here(Machine):
        world = World(scripted(monkeypatch))
        beside = staticmethod(both) if connection.vendor == "postgresql" else None

    return Here


def run(machine, cases, *, steps=30, derandomize=True):
    run_state_machine_as_test(
        machine,
        settings=hypothesis(
            max_examples=cases,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # Found is enough: making it smaller takes minutes.
            phases=[Phase.explicit, Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            derandomize=derandomize,
        ),
    )


def finds_it(machine):
    """The same cases each time, until one breaks a promise or the tables' own rules."""
    with pytest.raises((AssertionError, IntegrityError)):
        run(machine, MOST_CASES, steps=60)


def test_no_order_of_events_breaks_a_promise(machine):
    run(machine, CASES, derandomize=not IS_RANDOM)


def test_without_the_epoch_guard_a_stale_result_decides(machine, monkeypatch):
    def is_held(invocation, worker, epoch):
        return invocation.status == "RUNNING"

    monkeypatch.setattr(settling, "_is_held", is_held)
    finds_it(machine)


def test_without_the_outbox_a_death_loses_a_notification(machine, monkeypatch):
    """Owed in a transaction of its own, right after the one that ends the request."""
    owe = finishing._owe

    def later(*told):
        transaction.on_commit(partial(owe, *told))

    monkeypatch.setattr(finishing, "_owe", later)
    finds_it(machine)


@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite locks the whole database."
)
def test_without_the_lock_a_wish_to_cancel_is_lost(machine, monkeypatch):
    monkeypatch.setattr(InvocationQuerySet, "locked", lambda rows: rows.order_by("pk"))
    finds_it(machine)


def test_without_the_sweep_what_the_dead_held_never_ends(machine, monkeypatch):
    chores = tuple(one for one in sweep.CHORES if one is not sweep.free_invocations)
    monkeypatch.setattr(sweep, "CHORES", chores)
    finds_it(machine)
