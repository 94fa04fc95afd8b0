"""A form that starts something starts it once, however often it is sent."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import StillRunning
from asyncconfig.invocations import calling, idempotency
from asyncconfig.models import Delivery, IdempotencyKey, Invocation, Message
from console import access
from console.models import AccessKey
from functions import agencies
from functions.models import Agency, Version
from tests.support.factories import (
    accept,
    latest,
    make_config,
    make_function,
    make_project,
    make_topic,
    make_user,
)
from tests.support.kinds import PUT, Box

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def run(pages, function, **changed):
    fields = {
        "function": f"default/{function.name}",
        "qualifier": "latest",
        "mode": "async",
        "body": "{}",
        "once": "k1",
    }
    return pages.post("/run", fields | changed)


def requests_named_by(*responses):
    pages = [response.content.decode() for response in responses]
    return {re.search(r"/invocations/([0-9a-f-]{36})", page)[1] for page in pages}


def key_of(page):
    return re.search(r'name="once" value="([^"]+)"', page.content.decode())[1]


def test_a_form_sent_twice_does_not_run_twice(pages):
    function = make_function()

    first, again = run(pages, function), run(pages, function)

    assert Invocation.objects.count() == 1
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(requests_named_by(first, again)) == 1


@pytest.mark.parametrize(
    "changed",
    [{"body": '{"n": 2}'}, {"mode": "sync"}, {"qualifier": "!a"}, {"once": "k2"}],
)
def test_what_was_typed_anew_is_not_taken_for_the_same(pages, changed, settings):
    settings.SYNC_WAIT_SECONDS = 0
    function = make_function()
    function.aliases.create(name="a", version=latest(function))
    run(pages, function)

    response = run(pages, function, **changed)

    assert (response.status_code, Invocation.objects.count()) == (200, 2)


def test_a_key_is_never_another_persons(pages, project):
    function = make_function()
    other = Client()
    other.force_login(make_user(group=access.ADMINISTRATOR, project=project))

    run(pages, function)
    run(other, function)

    assert Invocation.objects.count() == 2


def test_a_key_is_never_taken_for_that_of_another_project(pages, project):
    function = make_function(project=project)
    other = make_project("second", members=project.members.all())
    make_function(function.name, project=other)

    run(pages, function)
    pages.post("/project", {"project": other.project_id})
    run(pages, function)

    found = Invocation.objects.values_list("function__project__name", flat=True)
    assert sorted(found) == sorted([project.name, other.name])


def test_a_key_is_not_kept_longer_than_ten_minutes(pages):
    function = make_function()
    run(pages, function)
    clock.shift(601)

    run(pages, function)

    assert Invocation.objects.count() == 2
    clock.shift(601)
    assert idempotency.forget() == 1


def test_what_was_refused_is_not_the_result_for_ever(pages):
    function = make_function()
    assert run(pages, function, body="no json").status_code == 422
    assert not IdempotencyKey.objects.exists()

    assert run(pages, function, body="no json").status_code == 422


def test_each_answer_brings_another_key(pages):
    function = make_function()
    keys = {key_of(pages.get(f"/run?fn={function.name}")) for _turn in range(3)}

    assert len(keys) == 3


def test_a_call_is_not_refused_its_result_because_all_seats_are_taken(pages, settings):
    settings.SYNC_WAIT_SECONDS = 0
    settings.WEB_THREADS = 2
    function = make_function()
    run(pages, function, mode="sync")
    with calling._seats:
        again = run(pages, function, mode="sync")
        new = run(pages, function, mode="sync", once="k2")

    assert (again.status_code, new.status_code) == (200, 429)
    assert Invocation.objects.count() == 1


def test_a_rerun_is_not_accepted_twice(pages):
    invocation = accept(make_function())
    url = f"/invocations/{invocation.request_id}/rerun"

    first, again = (pages.post(url, {"once": "k1"}) for _turn in range(2))

    assert Invocation.objects.count() == 2
    assert first.url == again.url


def test_the_demo_is_not_run_twice(pages):
    pages.post("/welcome/demo", {"once": "k0"})
    pages.post("/welcome/demo", {"once": "k0"})
    urls = [
        pages.post("/welcome/demo/run/succeed", {"once": "k1"}).url for _turn in "12"
    ]

    assert Invocation.objects.count() == 1
    assert urls[0] == urls[1]


def test_a_notification_is_not_sent_again_twice(pages, engine):
    target = make_function()
    function = make_function()
    make_config(function, on_success=target)
    accept(function)
    engine.run()
    delivery = Delivery.objects.get()
    give_up = {"status": Delivery.Status.FAILED, "finished_at": clock.now()}
    Delivery.objects.update(**give_up)
    url = f"/deliveries/{delivery.delivery_id}/resend"

    pages.post(url, {"once": "k1"})
    Delivery.objects.update(**give_up)
    pages.post(url, {"once": "k1"})

    assert Delivery.objects.get().status == Delivery.Status.FAILED
    pages.post(url, {"once": "k2"})
    assert Delivery.objects.get().status == Delivery.Status.WAIT


def test_a_message_is_not_published_twice(pages, project):
    topic = make_topic()
    fields = {"message": "hello", "time_to_live": "60", "once": "k1"}

    urls = {pages.post(f"/services/topics/{topic.name}/publish", fields).url, None}
    urls |= {pages.post(f"/services/topics/{topic.name}/publish", fields).url}

    assert Message.objects.count() == 1
    assert len(urls) == 2


def test_a_test_notification_is_not_sent_twice(pages, project, monkeypatch):
    box = Box()
    monkeypatch.setitem(KINDS, "Box", box)
    agencies.grant(Agency.objects.get(project=project), [PUT])
    function = make_function()
    url = reverse("function-async-probe", args=["default", function.name])
    fields = {
        "max_retries": "1",
        "max_age_seconds": "3600",
        "success_kind": "Box",
        "success-box": "red",
        "success-prefix": "a",
        "success-days": "0",
        "probe": "success",
        "once": "k1",
    }

    first, again = (pages.post(url, fields, headers=HTMX) for _turn in range(2))

    assert len(box.sent) == 1
    assert first.content == again.content
    pages.post(url, fields | {"once": "k2"}, headers=HTMX)
    assert len(box.sent) == 2


def test_the_explorer_does_not_call_twice(pages, project):
    function = make_function()
    fields = {
        "region": "cn-east-3",
        "p-project_id": project.project_id,
        "p-function_urn": function.urn(),
        "key": "aaa",
        "value": "123",
        "once": "k1",
    }
    url = "/api-explorer?operation=AsyncInvokeFunction"

    first, again = (pages.post(url, fields, headers=HTMX) for _turn in range(2))

    assert "202 Accepted" in again.content.decode()
    assert Invocation.objects.count() == 1
    assert len(requests_named_by(first, again)) == 1


def test_a_key_is_not_created_twice_and_its_secret_is_kept_encrypted(pages):
    fields = {"description": "ci", "once": "k1"}

    first, again = (pages.post("/access-keys/new", fields) for _turn in range(2))

    key = AccessKey.objects.get()
    secrets = [r.content.decode().count(key.secret) for r in (first, again)]
    assert secrets[0] == secrets[1] > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM asyncconfig_idempotencykey")
        (stored,) = cursor.fetchone()
    assert key.access_key.encode() not in bytes(stored)


def test_a_version_is_not_published_twice(pages):
    function = make_function()
    url = f"/f/default/{function.name}/settings/versions"

    answers = [
        pages.post(url, {"description": "", "once": "k1"}).status_code
        for _turn in range(2)
    ]

    assert answers == [302, 302]
    assert Version.objects.filter(function=function).count() == 2


def test_what_a_dead_process_began_is_begun_again(project, monkeypatch):
    person = make_user()
    IdempotencyKey.objects.create(
        person=person, key="k", digest="d", created_at=clock.now()
    )
    monkeypatch.setattr(idempotency, "MAX_WAIT_SECONDS", 0.0)
    with pytest.raises(StillRunning):
        idempotency.once_outside(person, "k", "d", lambda: "x", seconds=30)
    clock.shift(31)

    done = idempotency.once_outside(person, "k", "d", lambda: "mine", seconds=30)

    assert (done.answer, done.is_first) == ("mine", True)


def test_what_went_wrong_outside_is_not_the_result_for_ever(project):
    person = make_user()

    def fails():
        raise ValueError

    with pytest.raises(ValueError):
        idempotency.once_outside(person, "k", "d", fails, seconds=30)

    done = idempotency.once_outside(person, "k", "d", lambda: "yes", seconds=30)
    assert done.answer == "yes"
