"""The pages of notifications: what targets are owed, and sending it again."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from asyncconfig import clock
from asyncconfig.models import Delivery
from console.access import READER
from tests.support import targets
from tests.support.factories import make_function, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind(monkeypatch):
    return targets.scripted(monkeypatch)


def fail(project, kind, name="there", count=1):
    function = make_function(project=project)
    made = targets.owe(function, kind, name=name, count=count, now=clock.now())
    rows = Delivery.objects.filter(pk__in=[one.pk for one in made])
    rows.update(
        status="FAILED", reason="It refuses.", attempts=1, finished_at=clock.now()
    )
    return list(rows)


def statuses():
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_takes_a_fixed_number_of_queries(pages, project, kind, rows, asks):
    fail(project, kind, count=rows)

    with asks(6):
        page = pages.get("/deliveries")

    assert page.text.count('id="delivery-') == rows


def test_the_list_is_filtered_by_target_and_state(pages, project, kind):
    (here,) = fail(project, kind, "here")
    fail(project, kind, "elsewhere")

    page = pages.get("/deliveries?kind=Scripted&target=here&status=failed").text

    assert f"delivery-{here.delivery_id}" in page
    assert page.count('id="delivery-') == 1
    assert "Undelivered notifications" in page


def test_another_projects_notifications_are_not_listed(pages, kind):
    fail(make_project("other"), kind)

    page = pages.get("/deliveries")

    assert "It refuses." not in page.text


def test_a_whole_target_is_sent_again_since_a_time(pages, project, kind):
    old, new = fail(project, kind)[0], fail(project, kind)[0]
    Delivery.objects.filter(pk=old.pk).update(
        created_at=clock.now() - timedelta(hours=2)
    )

    chosen = {"kind": "Scripted", "target": "there", "since": "1h"}
    chosen["next"] = "/deliveries"
    asked = pages.post("/deliveries/resend", chosen)
    assert "Send 1 notification again?" in asked.text
    assert 'name="since" value="1h"' in asked.text
    assert statuses() == ["FAILED", "FAILED"]
    confirmed = chosen | {"confirmed": "yes"}
    answer = pages.post("/deliveries/resend", confirmed, follow=True)

    assert "1 notification is being sent again." in answer.text
    assert statuses() == ["FAILED", "WAIT"]
    assert new.pk > old.pk


def test_one_projects_target_is_not_anothers(pages, kind):
    fail(make_project("other"), kind)

    chosen = {"kind": "Scripted", "target": "there", "confirmed": "yes"}
    answer = pages.post("/deliveries/resend", chosen, follow=True)

    assert "There is nothing to send again." in answer.text
    assert statuses() == ["FAILED"]


def test_readers_may_look_but_not_send(client, project, kind):
    fail(project, kind)
    client.force_login(make_user(project=project, group=READER))

    page = client.get("/deliveries?kind=Scripted&target=there")
    refused = client.post("/deliveries/resend", {"kind": "Scripted", "target": "there"})

    assert (page.status_code, refused.status_code) == (200, 403)
    assert "deliveries/resend" not in page.text
    assert statuses() == ["FAILED"]


def test_one_is_sent_again_from_the_list(pages, project, kind):
    (row,) = fail(project, kind)

    answer = pages.post(
        f"/deliveries/{row.delivery_id}/resend", {"next": "/deliveries?status=failed"}
    )

    assert answer.url == "/deliveries?status=failed"
    assert statuses() == ["WAIT"]


def test_a_strangers_address_is_not_gone_to(pages, project, kind):
    (row,) = fail(project, kind)

    answer = pages.post(
        f"/deliveries/{row.delivery_id}/resend", {"next": "https://evil.example/"}
    )

    assert answer.url.startswith("/invocations/")


def test_the_page_of_a_request_says_who_had_its_notification_sent_again(
    pages, project, kind, engine
):
    (row,) = fail(project, kind)
    kind.trouble = targets.away()

    pages.post(f"/deliveries/{row.delivery_id}/resend")
    engine.step()
    clock.shift(60)
    engine.step()

    page = pages.get(f"/invocations/{row.invocation.request_id}").text
    said = re.findall(r", ([^,<]*): The target does not answer", page)
    assert said == [f"re-sent by {User.objects.get().username}", "automatic"]


def test_operators_see_and_resend_every_projects_targets(client, kind):
    (row,) = fail(make_project("far"), kind)
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    make_project("near")
    client.cookies["django_language"] = "en"

    page = client.get("/operator/deliveries")
    client.post(
        "/operator/deliveries/resend",
        {"target_key": row.target_key, "confirmed": "yes"},
    )

    assert "far" in page.text
    assert "Scripted there" in page.text
    assert statuses() == ["WAIT"]


def test_operators_pages_are_for_staff(pages, project, kind):
    (row,) = fail(project, kind)

    page = pages.get("/operator/deliveries")
    refused = pages.post("/operator/deliveries/resend", {"target_key": row.target_key})

    assert (page.status_code, refused.status_code) == (403, 403)
    assert statuses() == ["FAILED"]


def test_a_target_that_is_an_id_is_called_by_its_name(pages, project, kind):
    (row,) = fail(project, kind)
    key = f"{project.pk}:RocketMQ:7b21f2df-1f32-465a-9472-37544a3fa206/late"
    Delivery.objects.filter(pk=row.pk).update(
        kind="RocketMQ", target_key=key, target="orders/late"
    )

    page = pages.get("/deliveries")

    assert [one.label for one in page.context["targets"]] == ["orders/late"]
    assert "RocketMQ orders/late" in page.text
