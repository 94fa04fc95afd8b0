"""What a target is owed stands on its own page, and is sent again from there."""

import json

import pytest
from django.urls import reverse

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from asyncconfig.models import Bucket, Delivery
from console.access import ADMINISTRATOR, READER
from tests.support.factories import (
    make_function,
    make_project,
    make_rocket_instance,
    make_stream,
    make_subnet,
    make_topic,
    make_user,
    rocket_param,
)
from tests.support.targets import owe

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def person(client, project, settings):
    settings.OBS_ENDPOINT = ""  # the page shows what is owed even so
    client.force_login(make_user(project=project, group=ADMINISTRATOR))
    client.cookies["django_language"] = "en"
    return client


def bucket(project):
    made = Bucket.objects.create(project=project, name="box", created_at=clock.now())
    return (
        "OBS",
        made.name,
        json.dumps({"bucket": "box"}),
        reverse("bucket", args=["box"]),
    )


def stream(project):
    make_stream("flow", project=project)
    param = json.dumps({"stream_name": "flow"})
    return "DIS", "flow", param, reverse("stream", args=["flow"])


def topic(project):
    made = make_topic("news", project=project)
    param = json.dumps({"topic_urn": made.urn})
    return "SMN", made.urn, param, reverse("topic", args=["news"])


def rocket(project):
    made = make_rocket_instance(vpc=make_subnet(project=project).vpc)
    page = reverse("rocketmq-instance", args=[made.instance_id])
    return "RocketMQ", f"{made.instance_id}/orders", rocket_param(made), page


TARGETS = pytest.mark.parametrize("target", [bucket, stream, topic, rocket])


def fail(project, kind, name, param, count):
    function = make_function(project=project)
    made = owe(function, KINDS[kind], name=name, count=count, now=clock.now())
    rows = Delivery.objects.filter(pk__in=[one.pk for one in made])
    ended = {"status": "FAILED", "reason": "It refuses.", "finished_at": clock.now()}
    rows.update(param=param, attempts=1, **ended)


@TARGETS
def test_dead_letters_are_counted_and_sent_again_there(person, project, target):
    kind, name, param, page = target(project)
    fail(project, kind, name, param, 2)
    fail(project, kind, f"{name}-other", param, 1)

    shown = person.get(page)
    mine = next(one for one in shown.context["backlogs"] if one.name == name)
    answer = person.post(
        reverse("deliveries-resend"),
        {"kind": kind, "target": name, "next": shown.context["back"], "confirmed": "y"},
    )

    assert (mine.failed, mine.waiting) == (2, 0)
    assert f'name="target" value="{name}"' in shown.text
    assert answer.url == page
    waiting = Delivery.objects.waiting()
    assert [one.target_key.partition(f":{kind}:")[2] for one in waiting] == [name] * 2


@TARGETS
def test_what_another_project_is_owed_is_not_counted(person, project, target):
    kind, name, param, page = target(project)
    fail(make_project("other"), kind, name, param, 3)

    shown = person.get(page)

    assert sum(one.failed for one in shown.context["backlogs"]) == 0


@TARGETS
def test_readers_see_the_figures_and_no_button(client, person, project, target):
    kind, name, param, page = target(project)
    fail(project, kind, name, param, 1)
    client.force_login(make_user(project=project, group=READER))

    shown = client.get(page).text

    assert "Dead letters" in shown
    assert reverse("deliveries-resend") not in shown


def test_a_refused_form_leads_back_to_the_page_of_the_instance(person, project):
    kind, name, param, page = rocket(project)
    fail(project, kind, name, param, 1)

    refused = person.post(f"{page}/topics", {"topic": "a b"})

    assert refused.status_code == 422
    assert refused.context["back"] == page


def test_each_topic_of_an_instance_has_its_own_figures(person, project):
    kind, name, param, page = rocket(project)
    fail(project, kind, name, param, 2)
    fail(project, kind, name.replace("orders", "bills"), param, 1)

    shown = person.get(page)

    figures = {one.last_name: one.failed for one in shown.context["backlogs"]}
    assert figures == {"orders": 2, "bills": 1}
    assert "Undelivered notifications: orders" in shown.text
