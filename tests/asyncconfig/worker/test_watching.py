"""A dispatcher that gets nothing done does not keep its work for ever."""

import os
import subprocess
import sys

import pytest
from django.db import OperationalError

from asyncconfig.worker import watching
from asyncconfig.worker.dispatching import Dispatcher

HANGS = """
import django; django.setup()
import time
from types import SimpleNamespace
from asyncconfig.worker import dispatching, leases, watching

class Lane:
    name = "invoke"
    def traits(self): return {}
    def ahead(self, slots): return 0
    def is_anything_due(self): time.sleep(60)

leases.register = lambda name, **told: SimpleNamespace(pk=1)
dispatching.Dispatcher._keep_lease = lambda self: None
watching.TICK_SECONDS = 0.01
dispatching.Dispatcher(Lane(), slots=1).start()
time.sleep(60)
"""


class Lane:
    name = "invoke"


@pytest.fixture
def stuck(monkeypatch):
    """A dispatcher whose steps raise `stuck.error`; `stuck.ends` counts its ends."""
    made = Dispatcher(Lane(), slots=1)
    made.ends, made.error = [], None

    def fail():
        raise made.error

    monkeypatch.setattr(made, "_step", fail)
    monkeypatch.setattr(made._watch, "_stuck", lambda: made.ends.append(1))
    return made


def pass_seconds(dispatcher, number):
    for _second in range(number):
        dispatcher._try_step()
        dispatcher._watch.tick()


def test_who_stumbles_over_the_same_for_ever_is_ended(stuck):
    stuck.error = ValueError("again")

    pass_seconds(stuck, watching.MAX_TICKS - 1)
    assert stuck.ends == []
    pass_seconds(stuck, 1)
    assert stuck.ends == [1]


def test_who_waits_for_the_database_is_not_ended(stuck, db):
    stuck.error = OperationalError("database or disk is full")

    pass_seconds(stuck, 3 * watching.MAX_TICKS)

    assert stuck.ends == []


def test_who_waits_long_for_each_of_its_chores_is_not_ended(db, stuck, monkeypatch):
    """A process that holds SQLite's turn makes each of them wait for seconds."""

    class Slow:
        has_more = False

        def turn(self):
            for _second in range(watching.MAX_TICKS - 1):
                stuck._watch.tick()

    monkeypatch.undo()
    monkeypatch.setattr(stuck._watch, "_stuck", lambda: stuck.ends.append(1))
    monkeypatch.setattr(stuck, "_settle_and_claim", list)
    monkeypatch.setattr(stuck, "_chores", [Slow(), Slow(), Slow()])

    stuck._step()

    assert stuck.ends == []


def test_a_process_whose_dispatcher_hangs_ends_and_says_where(tmp_path):
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", HANGS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == os.EX_SOFTWARE, done.stderr
    assert "is_anything_due" in done.stderr
