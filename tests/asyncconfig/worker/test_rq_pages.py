"""What RQ's pages in the administration show is true, and says what it is."""

import re

import pytest
from django.db import transaction
from django.utils import translation

from asyncconfig import queue
from asyncconfig.worker import process
from asyncconfig.worker.dispatching import Dispatcher
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db

PAGES = "/admin/django_rq/dashboard"
QUEUES = sorted([queue.INVOKE, queue.DELIVER, queue.NOTIFY])
NUMBER = QUEUES.index(queue.INVOKE)


class Idle:
    """A lane that knows its name; nothing ever runs in it."""

    name = queue.INVOKE


@pytest.fixture(autouse=True)
def _no_silence(monkeypatch):
    monkeypatch.setattr(queue, "_silence", queue._Silence())


@pytest.fixture
def operator(client, settings):
    settings.RQ_QUEUES = {
        name: known | {"URL": settings.REDIS_URL}
        for name, known in settings.RQ_QUEUES.items()
    }
    client.force_login(make_user("operator", is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def listener(valkey):
    """A worker of the first lane that RQ knows of."""
    made = process.listener(Dispatcher(Idle(), slots=1))
    made.register_birth()
    return made


def statistics(operator):
    found = operator.get(f"{PAGES}/stats.json").json()["queues"]
    return {one["name"]: (one["jobs"], one["workers"]) for one in found}


def test_the_declared_queues_are_those_that_are_rung_and_served(settings):
    assert sorted(settings.RQ_QUEUES) == QUEUES == sorted(process.LANES)


def test_queues_and_workers_are_counted(valkey, operator, listener):
    queue.ring_now(queue.INVOKE)
    queue.ring_now(queue.NOTIFY)
    before = statistics(operator)
    listener.take_one(1)

    assert before == {"invoke": (1, 1), "deliver": (0, 0), "notify": (1, 0)}
    assert statistics(operator) == {
        "invoke": (0, 1),
        "deliver": (0, 0),
        "notify": (1, 0),
    }


def test_a_worker_counts_wake_ups_and_what_it_dropped(valkey, operator, listener):
    queue.ring_now(queue.INVOKE)
    valkey.rpush("rq:queue:invoke", "of-others")
    for _turn in range(2):
        listener.take_one(1)

    page = operator.get(f"{PAGES}/workers/{NUMBER}/{listener.key}/").text

    counts = re.findall(r"(Successful|Failed) job count:.*?(\d+)</div>", page, re.S)
    assert counts == [("Successful", "1"), ("Failed", "1")]


def test_a_waiting_wake_up_is_listed_under_its_name(valkey, operator):
    queue.ring_now(queue.INVOKE)

    assert queue.WAKE in operator.get(f"{PAGES}/queues/{NUMBER}/").text


@pytest.mark.parametrize(
    "path", ["", f"queues/{NUMBER}/", f"queues/{NUMBER}/details/", f"workers/{NUMBER}/"]
)
@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "only wake workers"), ("zh-hans", "只用于唤醒")]
)
def test_pages_say_that_they_show_wake_ups(valkey, operator, path, language, sentence):
    operator.cookies["django_language"] = language
    with translation.override(language):
        shown = operator.get(f"{PAGES}/{path}").text

    assert sentence in shown
    assert 'href="/invocations"' in shown


def test_other_pages_of_the_administration_do_not(operator):
    assert "only wake workers" not in operator.get("/admin/").text


@pytest.mark.parametrize("path", ["", f"queues/{NUMBER}/", f"workers/{NUMBER}/"])
def test_without_redis_a_page_says_so_at_once(operator, settings, tmp_path, path):
    settings.REDIS_URL = f"unix://{tmp_path}/none.sock"

    refused = operator.get(f"{PAGES}/{path}")

    assert refused.status_code == 503
    assert "Redis does not answer" in refused.text
    assert refused["Retry-After"] == "5"


def test_a_wake_up_performs_nothing(valkey):
    queue.ring_now(queue.INVOKE)
    (job,) = queue.django_rq.get_queue(queue.INVOKE).jobs

    with pytest.raises(NotImplementedError):
        job.perform()


def test_a_bell_is_not_kept_until_the_commit_once_more(valkey):
    """RQ would do so, and what fails after a commit fails for the request."""
    with transaction.atomic():
        queue.ring_now(queue.INVOKE)
        assert valkey.llen("rq:queue:invoke") == 1


def test_a_worker_waits_no_longer_than_it_listens(listener):
    """RQ would give the client minutes, in which nobody notices that Redis is gone."""
    known = listener.connection.connection_pool.connection_kwargs

    assert known["socket_timeout"] == process.LISTEN_SECONDS + 1
