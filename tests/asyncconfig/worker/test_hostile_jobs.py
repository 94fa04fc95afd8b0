"""Whoever writes to Redis runs no code, in workers or in the web server."""

import json
import pickle
import re
import time
import zlib

import pytest
import rq
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from asyncconfig import queue
from asyncconfig.worker import process
from asyncconfig.worker.dispatching import Dispatcher
from tests.support.factories import make_user

pytestmark = pytest.mark.engine


class Told:
    """A lane that knows its name; nothing ever runs in it."""

    name = queue.INVOKE


@pytest.fixture(autouse=True)
def _no_silence(monkeypatch):
    monkeypatch.setattr(queue, "_silence", queue._Silence())


@pytest.fixture
def listener(valkey):
    return process.listener(Dispatcher(Told(), slots=1))


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "ran"


def put(client, fields, job_id="hostile"):
    """Write a job as RQ does, whatever its fields; it waits in the lane's queue."""
    if fields:
        client.hset(f"rq:job:{job_id}", mapping=fields)
    client.rpush("rq:queue:invoke", job_id)


def packed(*parts):
    return zlib.compress(json.dumps(parts).encode())


def command(marker):
    return f"touch {marker}"


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return (eval, (f"open({str(self._marker)!r}, 'w').close()",))


def calling(marker):
    return {"data": packed("os.system", None, [command(marker)], {})}


def with_callbacks(marker):
    known = {
        f"{when}_callback_name": "tests.asyncconfig.worker.test_hostile_jobs.boom"
        for when in ("success", "failure", "stopped")
    }
    return calling(marker) | known


def boom(*_arguments):
    raise AssertionError("A callback was called.")


HOSTILE = {
    "calls a function": calling,
    "has callbacks": with_callbacks,
    "is pickled": lambda marker: {"data": pickle.dumps(Bomb(marker))},
    "has pickled meta": lambda marker: {
        "data": b"?",
        "meta": pickle.dumps(Bomb(marker)),
    },
    "is on an object": lambda _: {"data": packed(queue.WAKE, {}, ["invoke"], {})},
    "has more arguments": lambda _: {
        "data": packed(queue.WAKE, None, ["invoke", 1], {})
    },
    "has keywords": lambda _: {"data": packed(queue.WAKE, None, ["invoke"], {"a": 1})},
    "names no lane": lambda _: {"data": packed(queue.WAKE, None, [["invoke"]], {})},
    "is of another lane": lambda _: {"data": packed(queue.WAKE, None, ["notify"], {})},
    "has no name": lambda _: {"data": packed([], None, ["invoke"], {})},
    "is deep": lambda _: {"data": zlib.compress(b"[" * 100_000)},
    "is a bomb": lambda _: {"data": zlib.compress(bytes(900_000))},
    "is large": lambda _: {"data": b"x" * 100_000},
    "is a number": lambda _: {"data": zlib.compress(b"1")},
    "is nothing": lambda _: {},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_job_of_others_is_dropped_and_counted(valkey, listener, marker, caplog, kind):
    put(valkey, HOSTILE[kind](marker))
    queue.ring_now(queue.INVOKE)

    listener.take_one(1)
    suppressed = listener._dispatcher._is_ring_suppressed
    listener.take_one(1)

    assert not marker.exists()
    assert queue.dropped_jobs() == 1
    assert "dropped 1 unknown jobs from invoke" in caplog.text
    assert (suppressed, listener._dispatcher._is_ring_suppressed) == (False, True)
    assert not valkey.keys("rq:job:*")


@pytest.mark.parametrize("job_id", [b"\xff\xfe", b"x" * 100_000, b"a:b", b""])
def test_a_job_with_an_impossible_id_stops_nobody(valkey, listener, job_id):
    valkey.rpush("rq:queue:invoke", job_id)

    listener.take_one(1)

    assert queue.dropped_jobs() == 1


def test_a_key_that_is_no_job_stops_nobody(valkey, listener):
    valkey.set("rq:job:hostile", "text")
    put(valkey, {})

    listener.take_one(1)

    assert queue.dropped_jobs() == 1


def test_a_flood_does_not_fill_the_log(valkey, listener, caplog):
    for number in range(50):
        put(valkey, {}, f"hostile-{number}")
    for _turn in range(50):
        listener.take_one(1)

    assert queue.dropped_jobs() == 50
    assert len(caplog.records) == 1


def test_what_an_earlier_version_queued_still_wakes(valkey, listener):
    waiting = rq.Queue(queue.INVOKE, connection=valkey, serializer=JSONSerializer)
    waiting.enqueue("asyncconfig.jobs.wake", queue.INVOKE, result_ttl=0)

    listener.take_one(1)

    assert listener._dispatcher._is_ring_suppressed
    assert queue.dropped_jobs() == 0


def test_a_worker_takes_no_commands_from_redis(valkey, listener, monkeypatch):
    heard = []

    def then_stop(_seconds):
        heard.append((len(rq.Worker.all(valkey)), valkey.pubsub_channels()))
        raise SystemExit(0)

    monkeypatch.setattr(listener, "take_one", then_stop)
    with pytest.raises(SystemExit):
        listener.work()

    assert heard == [(1, [])]


@pytest.fixture
def operator(client, settings, valkey):
    """Somebody who may look at RQ's pages, which read this Redis."""
    settings.RQ_QUEUES = {
        name: queue_of | {"URL": settings.REDIS_URL}
        for name, queue_of in settings.RQ_QUEUES.items()
    }
    client.force_login(make_user("operator", is_staff=True, is_superuser=True))
    return client


NUMBER = sorted([queue.INVOKE, queue.DELIVER, queue.NOTIFY]).index(queue.INVOKE)
PAGES = ["", *(f"queues/{NUMBER}/{part}" for part in ("", "started/", "failed/"))]


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
def test_the_pages_of_rq_run_nothing(operator, valkey, marker, page):
    stored = {
        **with_callbacks(marker),
        "status": "started",
        "enqueued_at": "2026-01-01T00:00:00.000000Z",
        "origin": queue.INVOKE,
        "meta": pickle.dumps(Bomb(marker)),
        "result": pickle.dumps(Bomb(marker)),
    }
    put(valkey, stored)
    long_ago = time.time() - 3600
    valkey.zadd(StartedJobRegistry(queue.INVOKE, valkey).key, {"hostile:1": long_ago})
    valkey.zadd(FailedJobRegistry(queue.INVOKE, valkey).key, {"hostile": 2**40})

    shown = operator.get(f"/admin/django_rq/dashboard/{page}")

    assert shown.status_code == 200
    assert not marker.exists()


@pytest.mark.django_db
def test_operators_see_how_many_were_dropped(operator, valkey, listener):
    for number in range(3):
        put(valkey, {}, f"hostile-{number}")
        listener.take_one(1)

    page = operator.get("/operator/balance")

    assert "Unknown jobs dropped" in page.text
    assert queue.dropped_jobs() == 3
    assert '<dd class="num bad">3</dd>' in re.sub(r"\s+(?=<)|(?<=>)\s+", "", page.text)
