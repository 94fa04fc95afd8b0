"""Every list ends for every loop that clients write, and counts what there is."""

import json
from datetime import timedelta

import pytest
from django.conf import settings

from asyncconfig import clock
from asyncconfig.config import saving
from asyncconfig.models import Invocation
from console import access
from console.api import paging
from console.api.routes import api
from console.security import tokens
from functions import publishing
from functions.models import TestEvent
from tests.support.factories import (
    accept,
    latest,
    make_config,
    make_function,
    make_topic,
    make_user,
    subscribe,
)

pytestmark = pytest.mark.django_db
MAX_TURNS = 20


@pytest.fixture
def get(client, project):
    user = make_user(group=access.ADMINISTRATOR, project=project)
    headers = {"X-Auth-Token": tokens.issue(user)}

    def ask(path, below="/fgs", **query):
        url = f"/v2/{project.project_id}{below}{path}"
        answer = client.get(url, query, headers=headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return ask


def functions(project):
    for name in ("one", "two", "three"):
        make_function(name, project=project)


def versions(project):
    function = make_function("own", project=project)
    for name in ("v1", "v2"):
        publishing.publish(function, name=name, description="", now=clock.now())
        change(function)


def change(function):
    version = latest(function)
    version.description += "x"
    version.revision += 1
    version.save()


def configurations(project):
    function = make_function("own", project=project)
    make_config(function)
    for name in ("v1", "v2"):
        made = publishing.publish(function, name=name, description="", now=clock.now())
        saving.copy(latest(function), made, by=None)
        change(function)


def events(project):
    function = make_function("own", project=project)
    for name in ("a", "b", "c"):
        TestEvent.objects.create(function=function, name=name, content=b"{}")


def requests(project):
    function = make_function("own", project=project)
    for _ in range(3):
        accept(function)


def failures(project):
    for name in ("one", "two", "three"):
        invocation = accept(make_function(name, project=project))
        Invocation.objects.filter(pk=invocation.pk).update(
            status=Invocation.Status.FAIL, finished_at=clock.now()
        )


# The path, what is listed, how a size is asked for, and what makes three of it.
LISTS = {
    "ListFunctions": ("/functions", "functions", "maxitems", functions),
    "ListFunctionVersions": (
        "/functions/own/versions",
        "versions",
        "maxitems",
        versions,
    ),
    "ListFunctionAsyncInvokeConfig": (
        "/functions/own/async-invoke-configs",
        "async_invoke_configs",
        "limit",
        configurations,
    ),
    "ListEvents": ("/functions/own/events", "events", "maxitems", events),
    "ListAsyncInvocations": (
        "/functions/own/async-invocations",
        "invocations",
        "limit",
        requests,
    ),
    "ListActiveAsyncInvocations": (
        "/functions/own/active-async-invocations",
        "invocations",
        "limit",
        requests,
    ),
    "ListFunctionAsMetric": ("/function/report", "values", "limit", failures),
}


def marker_of(page):
    """Return the marker as a loop sees it: a number, or text of one."""
    return int(page.get("page_info", page)["next_marker"])


def until_0(ask, key):
    marker = 0
    while True:
        page = ask(marker)
        yield page[key]
        marker = marker_of(page)
        if marker == 0:
            return


def until_0_or_unchanged(ask, key):
    marker = 0
    while True:
        page = ask(marker)
        yield page[key]
        if marker_of(page) in (0, marker):
            return
        marker = marker_of(page)


def until_empty_by_marker(ask, key):
    marker = 0
    while (page := ask(marker))[key]:
        yield page[key]
        marker = marker_of(page)


def until_empty_by_length(ask, key):
    marker = 0
    while (page := ask(marker))[key]:
        yield page[key]
        marker += len(page[key])


def until_count_by_marker(ask, key):
    marker = 0
    while True:
        page = ask(marker)
        yield page[key]
        marker = marker_of(page)
        if marker >= page["count"]:
            return


def until_count_by_length(ask, key):
    marker = 0
    while True:
        page = ask(marker)
        yield page[key]
        marker += len(page[key])
        if marker >= page["count"]:
            return


LOOPS = [
    until_0,
    until_0_or_unchanged,
    until_empty_by_marker,
    until_empty_by_length,
    until_count_by_marker,
    until_count_by_length,
]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("name", LISTS)
def test_every_loop_reads_every_entry_once_and_ends(get, project, name, size):
    path, key, size_name, make = LISTS[name]
    make(project)

    def ask(marker):
        asked.append(marker)
        assert len(asked) < MAX_TURNS, f"{loop.__name__} does not end: {asked}"
        return get(path, marker=marker, **{size_name: size})

    read = {}
    for loop in LOOPS:
        asked = []
        pages = [entry for page in loop(ask, key) for entry in page]
        read[loop.__name__] = sorted(json.dumps(entry) for entry in pages)
    assert all(len(entries) == 3 for entries in read.values()), read
    assert len({tuple(entries) for entries in read.values()}) == 1
    assert get(path)["count"] == 3


def topics(project):
    for name in ("one", "two", "three"):
        make_topic(name, project=project)


def subscriptions(project):
    topic = make_topic("own", project=project)
    for name in ("one", "two", "three"):
        subscribe(topic, "functionstage", make_function(name, project=project))


# Those of SMN have an offset and no marker: what is listed, its count, what makes it.
OFFSETS = {
    "/notifications/topics": ("topics", "topic_count", topics),
    "/notifications/subscriptions": (
        "subscriptions",
        "subscription_count",
        subscriptions,
    ),
    "/notifications/topics/{own}/subscriptions": (
        "subscriptions",
        "subscription_count",
        subscriptions,
    ),
}


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("path", OFFSETS)
@pytest.mark.parametrize("loop", [until_empty_by_length, until_count_by_length])
def test_lists_with_an_offset_end_too(get, project, path, size, loop):
    key, count, make = OFFSETS[path]
    make(project)
    own = f"urn:smn:{settings.REGION}:{project.project_id}:own"

    def ask(offset):
        page = get(path.format(own=own), below="", offset=offset, limit=size)
        return page | {"count": page[count]}

    assert len([one for page in loop(ask, key) for one in page]) == 3


def test_no_list_with_a_marker_is_forgotten():
    document = api.get_openapi_schema()
    with_marker = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if any(one["name"] == "marker" for one in operation.get("parameters", []))
    }

    # It answers figures and no list.
    assert with_marker - {"ListStatistics"} == set(LISTS)


@pytest.mark.parametrize("key", ["ListAsyncInvocations", "ListActiveAsyncInvocations"])
@pytest.mark.parametrize("loop", LOOPS)
def test_more_requests_than_are_counted_are_read_to_the_end(
    get, project, monkeypatch, key, loop
):
    monkeypatch.setattr(paging, "MAX_COUNTED_ROWS", 2)
    path, key, _size, _make = LISTS[key]
    function = make_function("own", project=project)
    for _ in range(7):
        accept(function)
    counts = []

    def ask(marker):
        page = get(path, marker=marker, limit=2)
        counts.append(page["count"])
        assert len(counts) < MAX_TURNS
        return page

    ids = [entry["request_id"] for page in loop(ask, key) for entry in page]

    assert len(ids) == len(set(ids)) == 7
    assert counts[:4] == [3, 5, 7, 7]


def test_counting_looks_at_a_bounded_number_of_requests(
    get, project, monkeypatch, asks
):
    monkeypatch.setattr(paging, "MAX_COUNTED_ROWS", 2)
    function = make_function("own", project=project)
    for _ in range(7):
        accept(function)

    with asks(8) as asked:
        get("/functions/own/async-invocations", limit=1)

    counting = [one["sql"] for one in asked if "COUNT" in one["sql"]]
    assert counting
    assert all("LIMIT" in sql for sql in counting)


def test_requests_are_counted_within_the_span_that_is_asked_for(get, project):
    requests(project)
    ago = clock.now() - timedelta(hours=3)
    Invocation.objects.filter(pk=Invocation.objects.first().pk).update(accepted_at=ago)

    assert get("/functions/own/async-invocations")["count"] == 2
