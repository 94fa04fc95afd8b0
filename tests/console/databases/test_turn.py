"""The turn to write to a SQLite file: everybody takes it, and nobody waits for ever."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test import Client

from asyncconfig.models import Invocation, Worker
from asyncconfig.worker import leases
from console import access
from console.models import AccessKey
from console.sqlite.base import READS
from console.sqlite.turn import NoTurn, Turn, alarm
from tests.support.factories import make_function, make_project, make_user
from tests.support.installation import until
from tests.support.signer import Signer, code_of

HOLD = (
    "import sys, time; from console.sqlite.turn import Turn;"
    "turn = Turn(sys.argv[1]); turn.take(seconds=60); print('mine', flush=True);"
    "time.sleep(600)"
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory, django_db_blocker):
    """A file with all tables, for this thread in place of the tests' own database."""
    path = tmp_path_factory.mktemp("turn") / "console.sqlite3"
    known = connections.configure_settings(
        {"default": {**django_settings.SQLITE, "NAME": path}}
    )
    usual = connections["default"]
    with django_db_blocker.unblock():
        connections.settings["default"], before = known["default"], usual.settings_dict
        connections["default"] = connections.create_connection("default")
        ContentType.objects.clear_cache()
        try:
            call_command("migrate", verbosity=0)
            call_command("createcachetable", verbosity=0)
            yield path
        finally:
            connections["default"].close()
            connections.settings["default"] = before
            connections["default"] = usual
            ContentType.objects.clear_cache()


@contextmanager
def held_elsewhere(path):
    """Let another process have the turn, stopped in the middle of its write."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{path}.turn"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "mine\n"
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


def sign_in(user):
    Client().post("/login", {"username": user.username, "password": "pass"})


def note_a_session(user):
    session = SessionStore()
    session["seen"] = 1
    session.save()


def count_in_the_cache(user):
    cache.add("count", 0)
    cache.incr("count")
    cache.delete("count")


def keep_a_lease(user):
    worker = leases.register("invoke", slots=1)
    assert leases.renew(worker)
    leases.sign_off(worker)


def call_the_api(user):
    signer = Signer(Client(), AccessKey.objects.create(user=user))
    project = user.projects.get()
    signer.send("GET", f"/v2/{project.project_id}/fgs/functions")


def write_each_way(user):
    """The ways of the ORM and of plain SQL, each outside a transaction."""
    made = User.objects.create(username=f"other than {user.username}")
    made.email = "other@example.com"
    made.save()
    assert made.pk == User.objects.get(email=made.email).pk
    LogEntry.objects.log_actions(user.pk, [made], CHANGE, single_object=True)
    User.objects.filter(pk=made.pk).update(email="")
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE auth_user SET email = %s", [("a",), ("b",)])
        cursor.execute(
            "WITH one AS (SELECT 1) UPDATE auth_user SET email = '' RETURNING id"
        )
        assert {made.pk, user.pk} <= {pk for (pk,) in cursor}
    made.delete()


@pytest.mark.parametrize(
    "write",
    [
        sign_in,
        note_a_session,
        count_in_the_cache,
        keep_a_lease,
        call_the_api,
        write_each_way,
    ],
)
def test_no_write_goes_ahead_of_those_who_wait(stored, write):
    """SQLite itself tells of every statement, however it came there."""
    user = make_user(project=make_project(f"region-{write.__name__}"))
    unfair, fair = [], []

    def watch(statement):
        if not READS.match(statement):
            (fair if connection._turn.is_held else unfair).append(statement)

    connection.ensure_connection()
    connection.connection.set_trace_callback(watch)
    try:
        write(user)
    finally:
        connection.connection.set_trace_callback(None)

    assert fair
    assert unfair == []
    assert not connection._turn.is_held


def test_rows_that_a_write_returns_can_be_fetched_in_any_way(stored):
    add = "INSERT INTO django_session VALUES ('a', '', ''), ('b', '', '') RETURNING 1"
    clear = "DELETE FROM django_session"

    def rows(fetch):
        with connection.cursor() as cursor:
            cursor.execute(clear)
            cursor.execute(add)
            assert not connection._turn.is_held
            return fetch(cursor)

    assert rows(lambda cursor: cursor.fetchall()) == [(1,), (1,)]
    assert rows(lambda cursor: [cursor.fetchone() for _ in "abc"]) == [(1,), (1,), None]
    assert rows(lambda cursor: [cursor.fetchmany(1) for _ in "abc"]) == [
        [(1,)],
        [(1,)],
        [],
    ]
    assert rows(list) == [(1,), (1,)]


def test_a_failed_write_keeps_no_turn(stored):
    with pytest.raises(Exception, match="no such table"), connection.cursor() as cursor:
        cursor.execute("INSERT INTO nowhere VALUES (1)")
    assert not connection._turn.is_held

    with transaction.atomic():
        Worker.objects.all().delete()
        assert connection._turn.is_held
        transaction.set_rollback(True)
    assert not connection._turn.is_held


def test_a_stopped_process_does_not_stop_everybody(stored, monkeypatch):
    project = make_project("stopped")
    user = make_user(group=access.ADMINISTRATOR, project=project)
    make_function("waits", project=project)
    signer = Signer(Client(), AccessKey.objects.create(user=user))
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    run = {"function": "waits", "qualifier": "latest", "mode": "async", "body": "{}"}
    monkeypatch.setattr(connection, "patience", 0.05)

    with held_elsewhere(stored) as process:
        page = browser.post("/run", run)
        call = signer.send("GET", f"/v2/{project.project_id}/fgs/functions")
        health = browser.get("/healthz")
        with pytest.raises(NoTurn, match=f"process {process.pid} has it"):
            leases.register("invoke", slots=1)

    assert page.status_code == 503
    assert "The database is busy." in page.text
    assert 'class="btn" href="/run"' in page.text
    assert code_of(call) == (503, "FSS.0503")
    assert "busy" in call.json()["error_msg"]
    assert health.status_code in (200, 503)
    assert health.json()["database"] is True
    # Its death frees the turn.
    assert browser.post("/run", run).status_code == 200
    assert Invocation.objects.filter(function__project=project).count() == 1


@pytest.fixture
def turns(tmp_path):
    made = [Turn(str(tmp_path / "file.turn")) for _turn in range(4)]
    yield made
    for turn in made:
        turn.close()


def waiting(turn):
    """Return how many wait for the turn, as the kernel knows it."""
    inode = f":{os.fstat(turn._file).st_ino} "
    lines = Path("/proc/locks").read_text().splitlines()
    return sum(inode in line and "-> FLOCK" in line for line in lines)


def test_who_gave_up_holds_nobody_up(turns):
    first, second, third, _rest = turns
    first.take(seconds=0)
    with pytest.raises(NoTurn):
        second.take(seconds=0.01)
    assert waiting(first) == 0

    first.give()
    third.take(seconds=10)
    third.give()
    second.take(seconds=10)


def test_the_order_of_those_who_wait_is_kept(turns):
    first, *others = turns
    order = []

    def write(turn):
        turn.take(seconds=60)
        order.append(turn)
        turn.give()

    first.take(seconds=0)
    threads = [threading.Thread(target=write, args=(turn,)) for turn in others]
    for number, thread in enumerate(threads, 1):
        thread.start()
        until(lambda count=number: waiting(first) == count)

    first.give()
    for thread in threads:
        thread.join()

    assert order == others


def test_one_who_gives_up_wakes_none_of_the_others(turns):
    """Threads wait at once, each until a moment of its own."""
    first, second, third, fourth = turns
    gave_up = []

    def wait(turn):
        try:
            turn.take(seconds=0.01)
        except NoTurn:
            gave_up.append(turn)

    first.take(seconds=0)
    patient = threading.Thread(target=third.take, kwargs={"seconds": 60})
    patient.start()
    until(lambda: waiting(first) == 1)
    for turn in (second, fourth):
        thread = threading.Thread(target=wait, args=(turn,))
        thread.start()
        thread.join()

    assert gave_up == [second, fourth]
    assert waiting(first) == 1
    first.give()
    patient.join()
    assert third.is_held


def test_nobody_looks_at_clocks_while_nobody_waits(turns):
    first, second, *_rest = turns
    first.take(seconds=0)
    with pytest.raises(NoTurn):
        second.take(seconds=0.01)

    until(lambda: not alarm._is_watching)
    assert not alarm._ends


def _times_out(turn):
    try:
        turn.take(seconds=0.01)
    except NoTurn:
        return 0
    return 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_give_its_parents_turn_away(turns):
    first, second, *_rest = turns
    first.take(seconds=0)

    child = os.fork()
    if not child:
        first.give()
        os._exit(_times_out(second))
    assert os.waitpid(child, 0)[1] == 0

    with pytest.raises(NoTurn):
        second.take(seconds=0.01)
