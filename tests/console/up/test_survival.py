"""Nothing accepted is lost, whatever is killed in the middle of a run."""

import json
import os
import signal
import sqlite3
import urllib.request
from contextlib import closing
from datetime import datetime

import pytest

from tests.support.installation import Installation, Person, until
from tests.support.subscribers import Web, serving

SLOW = (
    "import time\n"
    "def handler(event, context):\n"
    "    time.sleep(event.get('seconds', 0))\n"
    "    if event.get('fail'):\n"
    "        raise ValueError('asked to fail')\n"
    "    return 'slept'\n"
)
HELLO = "def handler(event, context):\n    return 'hello'\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    installation = Installation(
        tmp_path_factory.mktemp("survival") / "data",
        ASYNC_RETRY_BASE_SECONDS="0.5",
        WORKER_LEASE_SECONDS="2",
        WORKER_RENEW_SECONDS="0.5",
        WORKER_GRACE_SECONDS="0.5",
        OUTGOING_ALLOWED="127.0.0.1",
    )
    installation.start()
    yield installation
    installation.stop()


@pytest.fixture(scope="module")
def person(running):
    made = Person(running)
    made.create("slow", SLOW)
    made.create("told", HELLO)
    made.configure(
        "slow",
        max_retries="2",
        success_kind="FunctionGraph",
        failure_kind="FunctionGraph",
        **{f"{side}-function": "told" for side in ("success", "failure")},
        **{f"{side}-qualifier": "latest" for side in ("success", "failure")},
    )
    return made


def rows(installation, sql, *values):
    where = f"file:{installation.data / 'console.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(where, uri=True, timeout=20)) as database:
        return database.execute(sql, values).fetchall()


def open_ones(installation):
    return rows(
        installation,
        "SELECT request_id FROM asyncconfig_invocation WHERE finished_at IS NULL"
        " UNION ALL SELECT delivery_id FROM asyncconfig_delivery"
        " WHERE finished_at IS NULL",
    )


def status_of(installation, request_id):
    ((status,),) = rows(
        installation,
        "SELECT status FROM asyncconfig_invocation WHERE request_id = ?",
        request_id.replace("-", ""),
    )
    return status


@pytest.mark.parametrize(
    "part", ["--queue invoke", "--queue deliver", "granian", "valkey-server"]
)
def test_a_kill_in_the_middle_of_a_run_loses_nothing(running, person, part):
    ids = [person.run("slow", json.dumps({"seconds": 0.5})) for _turn in range(6)]
    until(lambda: "RUNNING" in {status_of(running, one) for one in ids})

    os.kill(running.pid_of(part), signal.SIGKILL)

    until(lambda: not open_ones(running), seconds=60)
    assert {status_of(running, one) for one in ids} == {"SUCCESS"}
    assert "Drift 0." in running.manage("balance")
    until(running.is_up)


def test_a_killed_notifier_s_message_arrives_all_the_same(running, person):
    topic = "/services/topics/survives"
    person.post("/services/new-topic", name="survives")
    with serving(Web()) as web:
        person.post(f"{topic}/subscribe", protocol="http", endpoint=web.url)
        person.post(f"{topic}/subscribe", protocol="functionstage", endpoint="told")
        (invited,) = until(lambda: web.letters("SubscriptionConfirmation"))
        urllib.request.urlopen(invited["subscribe_url"], timeout=10).close()
        web.gate.clear()
        person.post(f"{topic}/publish", message="hello")
        until(lambda: web.letters())

        os.kill(running.pid_of("--queue notify"), signal.SIGKILL)
        web.gate.set()
        owed = "SELECT status FROM asyncconfig_messagedelivery"
        until(lambda: set(rows(running, owed)) == {("DELIVERED",)}, seconds=60)

    assert len({letter["message_id"] for letter in web.letters()}) == 1
    started = (
        "SELECT COUNT(*) FROM asyncconfig_invocation"
        " WHERE source_message_delivery_id IS NOT NULL"
    )
    assert rows(running, started) == [(1,)]
    assert "Drift 0." in running.manage("balance")


def test_a_call_is_answered_at_once_however_long_it_runs(running, person):
    request_id = person.run("slow", '{"seconds": 30}')

    assert status_of(running, request_id) in ("WAIT", "RUNNING")
    until(lambda: status_of(running, request_id) == "RUNNING")
    person.post(f"/invocations/{request_id}/cancel", force="1")
    until(lambda: status_of(running, request_id) == "FAIL", seconds=10)


def test_what_was_cancelled_does_not_start_again_when_its_worker_stops(running, person):
    request_id = person.run("slow", '{"seconds": 60}')
    until(lambda: status_of(running, request_id) == "RUNNING")
    person.post(f"/invocations/{request_id}/cancel")
    assert status_of(running, request_id) == "RUNNING"

    os.kill(running.pid_of("--queue invoke"), signal.SIGTERM)

    until(lambda: status_of(running, request_id) == "FAIL", seconds=10)
    ((condition,),) = rows(
        running,
        "SELECT condition FROM asyncconfig_invocation WHERE request_id = ?",
        request_id.replace("-", ""),
    )
    assert condition == "Cancelled"
    person.run("slow")
    until(lambda: not open_ones(running), seconds=60)


def test_retries_start_when_due_and_the_failure_is_told_once(running, person):
    request_id = person.run("slow", '{"fail": true}')

    until(lambda: status_of(running, request_id) == "FAIL")
    attempts = rows(
        running,
        "SELECT a.number, a.due_at, a.started_at FROM asyncconfig_attempt a"
        " JOIN asyncconfig_invocation i ON i.id = a.invocation_id"
        " WHERE i.request_id = ? ORDER BY a.number",
        request_id.replace("-", ""),
    )
    assert [number for number, _due, _start in attempts] == [1, 2, 3]
    for _number, due, start in attempts:
        # The start is reckoned back from the end, to within the clock's step.
        late = datetime.fromisoformat(start) - datetime.fromisoformat(due)
        assert late.total_seconds() > -0.05
    ((told,),) = rows(
        running,
        "SELECT COUNT(*) FROM asyncconfig_delivery d JOIN asyncconfig_invocation i"
        " ON i.id = d.invocation_id WHERE i.request_id = ?",
        request_id.replace("-", ""),
    )
    assert told == 1


def test_a_synchronous_run_returns_its_result_and_tells_nobody(running, person):
    _url, page = person.post(
        "/run", function="slow", qualifier="latest", mode="sync", body="{}"
    )

    assert "slept" in page
    assert rows(
        running,
        "SELECT COUNT(*) FROM asyncconfig_delivery d JOIN asyncconfig_invocation i"
        " ON i.id = d.invocation_id WHERE i.mode = 'sync'",
    ) == [(0,)]


def test_without_redis_requests_are_accepted_and_run(running, person):
    os.kill(running.pid_of("valkey-server"), signal.SIGSTOP)
    try:
        request_id = person.run("slow")
        until(lambda: status_of(running, request_id) == "SUCCESS")
    finally:
        os.kill(running.pid_of("valkey-server"), signal.SIGCONT)
