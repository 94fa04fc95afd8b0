"""A lease ends the work that it no longer covers, whatever the database does."""

import os
import subprocess
import sys
import threading

import pytest
from django.db import OperationalError, connection  # noqa: F401 - for skipif

from asyncconfig import clock
from asyncconfig.models import Invocation, Worker
from asyncconfig.worker import leases, sweep
from asyncconfig.worker.dispatching import Dispatcher
from tests.support.factories import accept, make_function
from tests.support.installation import ROOT, processes, until
from tests.support.proxy import proxied

SLEEPS = "import time\ndef handler(event, context):\n    time.sleep(600)\n"
ON_POSTGRESQL = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has no line to cut."
)


class Stuck:
    """A database that never answers the renewal of a lease."""

    def __init__(self, monkeypatch):
        self.asked, self.answers = threading.Event(), threading.Event()
        monkeypatch.setattr(leases, "renew", self._renew)

    def _renew(self, worker):
        self.asked.set()
        self.answers.wait()
        return True


@pytest.fixture
def short(settings):
    settings.WORKER_LEASE_SECONDS = 0.6
    settings.WORKER_RENEW_SECONDS = 0.1


@pytest.fixture
def worker(db):
    return leases.register("invoke", slots=1)


def test_work_does_not_outlive_a_lease_whose_renewal_hangs(worker, short, monkeypatch):
    stuck, lost = Stuck(monkeypatch), threading.Semaphore(0)
    keeper = leases.Keeper(worker, lost=lost.release)
    keeper.start()
    assert stuck.asked.wait(10)

    # What starts in that very moment is ended by the next call.
    assert all(lost.acquire(timeout=10) for _call in range(3))

    assert not stuck.answers.is_set()
    stuck.answers.set()
    keeper.stop()


def test_a_lease_that_is_given_up_is_not_renewed_any_more(worker, short, monkeypatch):
    asked, lost = [], threading.Semaphore(0)

    def fail(worker):
        asked.append(worker)
        raise OperationalError("gone")

    monkeypatch.setattr(leases, "renew", fail)
    keeper = leases.Keeper(worker, lost=lost.release)
    keeper.start()
    assert lost.acquire(timeout=10)
    count = len(asked)

    assert all(lost.acquire(timeout=10) for _call in range(5))

    assert count >= 1
    # One may have been under way.
    assert len(asked) <= count + 1
    keeper.stop()


def test_a_lease_granted_long_ago_is_not_taken_for_a_fresh_one(worker, monkeypatch):
    """Its registration may have waited for the database."""
    Stuck(monkeypatch)
    clock.shift(9)
    lost = threading.Event()
    keeper = leases.Keeper(worker, lost=lost.set)
    keeper.start()

    assert lost.wait(10)
    keeper.stop()


def test_a_renewal_that_arrives_late_shortens_nothing(worker):
    assert leases.renew(worker)
    worker.refresh_from_db()
    before = worker.lease_until
    clock.jump(-3)

    assert leases.renew(worker)

    worker.refresh_from_db()
    assert worker.lease_until == before


def test_a_clock_put_back_leaves_no_lease_that_outlives_its_worker(worker):
    clock.jump(86_400)
    assert leases.renew(worker)
    clock.jump(-86_400)

    assert leases.renew(worker)

    worker.refresh_from_db()
    assert (worker.lease_until - clock.now()).total_seconds() <= 20


def test_nothing_starts_once_the_lease_is_lost(engine):
    accept(make_function())
    dispatcher = Dispatcher(engine.invoke, slots=1)
    (claim,) = engine.claim()
    dispatcher._held[id(claim)] = claim
    dispatcher._lose_lease()
    for item in (claim, None):
        dispatcher._ready.put(item)

    dispatcher._slot()

    assert not dispatcher._done


def worker_behind(line):
    """Start a worker as a process of its own whose database is at the end of a line."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "worker", "--queue", "invoke"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": line.url,
            "WORKER_LEASE_SECONDS": "5",
            "WORKER_RENEW_SECONDS": "1",
            "WORKER_GRACE_SECONDS": "0",
        },
        stdout=subprocess.DEVNULL,
    )


def instances_of(process):
    """Return the processes that run user code, the zygote's children, once it runs.

    A worker that starts tries out with others what they can be kept from.
    """
    if not Invocation.objects.running().exists():
        return set()
    living = processes()
    zygotes = {pid for pid, (parent, _) in living.items() if parent == process.pid}
    return {pid for pid, (parent, _) in living.items() if parent in zygotes}


@ON_POSTGRESQL
@pytest.mark.django_db(transaction=True)
def test_the_child_of_a_worker_cut_off_is_dead_before_its_successor_starts():
    invocation = accept(make_function(source=SLEEPS, timeout=600))
    with proxied() as line:
        process = worker_behind(line)
        try:
            (child,) = until(lambda: instances_of(process), seconds=60)
            first = Worker.objects.get()
            line.freeze()

            until(lambda: Worker.objects.dead(clock.now()).exists(), seconds=30)
            assert child not in processes()
            sweep.sweep()
            invocation.refresh_from_db()
            assert (invocation.status, invocation.losses) == ("WAIT", 1)

            line.thaw()
            (again,) = until(lambda: instances_of(process), seconds=60)
            assert again != child
            invocation.refresh_from_db()
            assert invocation.status == "RUNNING"
            assert invocation.worker != first
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
