"""A process that dies at a named point: what it leaves, what follows, and how soon.

The processes are real ones, on PostgreSQL: the tests' SQLite is in memory. There the
model of the engine dies at any statement, and installations on a file are killed in
`tests/console/up/test_survival.py` and by `make soak`.
"""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from asyncconfig import clock
from asyncconfig.models import Attempt, Delivery, Invocation, MessageDelivery, Worker
from asyncconfig.reports import balancing
from asyncconfig.worker import sweep
from tests.support.factories import (
    accept,
    make_config,
    make_function,
    make_topic,
    publish,
    subscribe,
)
from tests.support.installation import ROOT
from tests.support.subscribers import Web, serving

pytestmark = [
    pytest.mark.engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="SQLite is in memory here."
    ),
]

LEASE = 3.0
# Promised to operators: see docs/reliability.md.
RECOVERS_WITHIN = LEASE + 5
ACCEPT = """
from tests.support.factories import accept
from functions.models import Function
accept(Function.objects.get(name="asked"))
"""


@pytest.fixture(autouse=True)
def _leases(settings):
    settings.WORKER_LEASE_SECONDS = LEASE
    settings.OUTGOING_ALLOWED = ("127.0.0.1",)


def dies(point, *command):
    """Run a command until it is killed at the point; return when that was."""
    known = connection.settings_dict
    host = known["HOST"].replace("/", "%2F")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.dying", point, *command],
        env={
            **os.environ,
            "DATABASE_URL": f"postgres://{known['USER']}@{host}/{known['NAME']}",
            "WORKER_LEASE_SECONDS": str(LEASE),
            "WORKER_RENEW_SECONDS": "0.5",
            "OUTGOING_ALLOWED": "127.0.0.1",
        },
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=90,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    return time.monotonic()


def recover(engine, died):
    """Do what every other worker does, until nothing is open; it must not take long."""
    while _open():
        assert time.monotonic() - died < RECOVERS_WITHIN, "it takes too long"
        sweep.sweep()
        engine.run()
        time.sleep(0.05)
    assert balancing.balance().drift == 0


def _open():
    models = (Invocation, Delivery, MessageDelivery)
    return any(model.objects.filter(finished_at=None).exists() for model in models)


def facts():
    row = Invocation.objects.order_by("pk").first()
    return row.status, row.attempts, row.losses


@pytest.fixture
def asked(engine):
    """A function that tells another of its successes."""
    function = make_function("asked")
    make_config(function, on_success=make_function("told"), max_retries=0)
    return function


def test_a_request_that_was_not_committed_left_nothing(asked):
    dies("stored the request", "shell", "-v", "0", "-c", ACCEPT)

    assert not Invocation.objects.exists()


@pytest.mark.parametrize(
    ("point", "left", "losses"),
    [
        ("chose what to claim", ("WAIT", 0, 0), 0),
        ("claimed it", ("RUNNING", 0, 0), 1),
        ("ran it", ("RUNNING", 0, 0), 1),
        ("wrote how it ended", ("RUNNING", 0, 0), 1),
        ("committed how it ended", ("SUCCESS", 1, 0), 0),
    ],
)
def test_what_a_killed_worker_held_runs_again_and_spends_no_retry(
    engine, asked, point, left, losses
):
    accept(asked)

    died = dies(point, "worker", "--queue", "invoke", "--slots", "1")

    assert facts() == left
    assert Delivery.objects.exists() == (left[0] == "SUCCESS")
    recover(engine, died)
    assert facts() == ("SUCCESS", 1, losses)
    assert Delivery.objects.get().status == "DELIVERED"
    assert Invocation.objects.filter(function__name="told").count() == 1
    assert Attempt.objects.filter(kind="lost").count() == losses


def test_what_a_killed_courier_wrote_here_is_written_once(engine, asked):
    accept(asked)
    engine.settle([(claim, engine.invoke.run(claim)) for claim in engine.claim()])

    died = dies("gave it to a function", "worker", "--queue", "deliver")

    assert Delivery.objects.get().status == "SENDING"
    assert Invocation.objects.count() == 1
    recover(engine, died)
    assert Delivery.objects.get().status == "DELIVERED"
    assert Invocation.objects.filter(function__name="told").count() == 1


def test_what_a_killed_notifier_sent_comes_again_under_the_same_id(engine):
    topic = make_topic()
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        publish(topic)

        died = dies("sent it to a subscriber", "worker", "--queue", "notify")

        assert MessageDelivery.objects.get().status == "SENDING"
        recover(engine, died)
    assert MessageDelivery.objects.get().status == "DELIVERED"
    ids = [letter["message_id"] for letter in web.letters()]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_worker_that_dies_while_it_sweeps_frees_nothing_twice(engine, asked):
    accept(asked)
    engine.claim()
    Worker.objects.update(lease_until=clock.now())

    died = dies("freed what the dead held", "worker", "--queue", "deliver")

    assert facts() == ("RUNNING", 0, 0)
    recover(engine, died)
    assert facts() == ("SUCCESS", 1, 1)
