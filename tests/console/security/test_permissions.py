"""Configuration → Permissions: what is needed, what is granted, and granting it."""

import pytest
from django.urls import reverse

from asyncconfig import removing
from asyncconfig.destinations import KINDS
from asyncconfig.models import Delivery, Invocation
from console import access
from functions import agencies, publishing
from functions.models import Agency
from functions.models.agency import Reach
from tests.support.factories import (
    accept,
    latest,
    make_config,
    make_function,
    make_project,
    make_user,
)
from tests.support.kinds import PUT, SEND, Box, Rocket

pytestmark = pytest.mark.django_db


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.setitem(KINDS, "Box", Box())
    monkeypatch.setitem(KINDS, "Rocket", Rocket())


def url(function, page="permissions"):
    return reverse(f"function-{page}", args=["default", function.name])


def rows(response):
    return [(row.action, row.side, row.is_granted) for row in response.context["rows"]]


def test_the_card_says_that_a_right_is_missing_or_a_target_gone(pages, project):
    test2, function = make_function("test2"), make_function("fn")
    make_config(function, on_success=test2)
    card = reverse("function-async", args=["default", "fn"])
    good = pages.get(card).text
    Agency.objects.update(actions=[])
    lacking = pages.get(card).text
    removing.delete_function(test2)
    gone = pages.get(card).text

    assert "Agency fgconsole-default allows it" in good
    assert "lacks functiongraph:function:invokeAsync on test2:latest." in lacking
    assert "needs=functiongraph" in lacking
    assert "Function test2 no longer exists." in gone


def test_needed_rights_are_told_with_who_needs_them(pages):
    test2, function = make_function("test2"), make_function()
    make_config(function, on_success=test2, on_failure=test2)
    Agency.objects.update(actions=[])

    response = pages.get(url(function))

    action = "functiongraph:function:invokeAsync"
    assert rows(response) == [(action, "success", False), (action, "failure", False)]
    assert "Missing" in response.text
    assert reverse("function-code", args=["default", "test2"]) in response.text
    assert response.context["policy"].count(action) == 1
    assert "data-copy=" in response.text


def test_a_right_that_a_dialog_asks_about_stands_there_too(pages, kinds):
    response = pages.get(url(make_function()) + f"?needs={PUT}")
    odd = pages.get(url(make_function()) + "?needs=iam:users:delete")

    assert rows(response) == [(PUT, "", False)]
    assert "not saved yet" in response.text
    assert rows(odd) == []


def test_one_button_is_primary_and_it_is_what_is_to_be_done(pages):
    test2, function = make_function("test2"), make_function()
    make_config(function, on_success=test2)
    whole = pages.get(url(function)).text
    Agency.objects.update(actions=[])
    lacking = pages.get(url(function)).text

    assert whole.count("btn primary") == lacking.count("btn primary") == 1
    assert '<button class="btn primary">Save' in whole
    assert '<button class="btn primary">Grant' in lacking


def test_granting_allows_what_is_missing_and_comes_back(pages, kinds):
    function, _other = make_function(), make_function()
    asked = pages.get(url(function) + f"?needs={PUT}")

    response = pages.post(url(function, "grant") + f"?needs={PUT}", {"action": [PUT]})

    assert "used by 1 other function" in asked.text
    assert response.url == url(function) + f"?needs={PUT.replace(':', '%3A')}"
    assert Agency.objects.get().actions[-1] == PUT
    assert rows(pages.get(response.url)) == [(PUT, "", True)]


def test_only_known_actions_are_granted(pages):
    function = make_function()

    pages.post(url(function, "grant"), {"action": ["iam:users:delete"]})
    pages.post(url(make_function(agency=False), "grant"), {"action": [PUT]})

    assert Agency.objects.get().actions == ["functiongraph:function:invokeAsync"]


def test_latest_is_given_another_agency(pages, project):
    function = make_function()
    agencies.create(project, "other", agencies.WantedAgency([], Reach()))

    response = pages.post(url(function), {"agency": "other"})

    assert response.status_code == 302
    assert latest(function).agency.name == "other"
    assert latest(function).revision == 2


def test_an_unknown_or_strange_agency_is_refused(pages):
    function, elsewhere = make_function(), make_project("elsewhere")
    agencies.create(elsewhere, "theirs", agencies.WantedAgency([], Reach()))

    response = pages.post(url(function), {"agency": "theirs"})

    assert response.status_code == 422
    assert "There is no agency theirs." in response.text
    assert latest(function).agency.name == "fgconsole-default"


def test_a_published_version_shows_its_agency_read_only(pages):
    function = make_function()
    now = latest(function).modified_at
    publishing.publish(function, name="v1", description="", now=now)

    shown = pages.get(url(function) + "?v=v1")
    changed = pages.post(url(function) + "?v=v1", {"agency": ""})

    assert "Version v1 is read-only." in shown.text
    assert changed.status_code == 422


def test_readers_look_and_change_nothing(client, project):
    function = make_function()
    client.force_login(make_user(group=access.READER, project=project))

    assert client.get(url(function)).status_code == 200
    assert client.post(url(function), {"agency": ""}).status_code == 403
    assert client.post(url(function, "grant"), {"action": [PUT]}).status_code == 403
    assert latest(function).agency is not None


def test_strangers_find_nothing(client):
    function, other = make_function(), make_project("elsewhere")
    client.force_login(make_user(group=access.ADMINISTRATOR, project=other))

    assert client.get(url(function)).status_code == 404
    assert client.post(url(function, "grant"), {"action": [PUT]}).status_code == 404


@pytest.fixture
def dead_letter(engine):
    """A notification whose right was taken away before it was sent."""
    test2, function = make_function("test2"), make_function("fn")
    make_config(function, on_success=test2)
    accept(function)
    Agency.objects.update(actions=[])
    engine.run()
    return Delivery.objects.get()


def detail(delivery):
    return reverse("invocation", args=[delivery.invocation.request_id])


def test_a_right_taken_away_is_told_and_leads_to_where_it_is_set(pages, dead_letter):
    page = pages.get(detail(dead_letter)).text

    assert (dead_letter.status, dead_letter.attempts) == ("FAILED", 1)
    assert dead_letter.reason == (
        "Agency fgconsole-default lacks functiongraph:function:invokeAsync "
        "on test2:latest."
    )
    assert dead_letter.reason in page
    assert "/f/default/fn/settings/permissions?needs=functiongraph" in page


def test_after_granting_it_is_sent_again(pages, dead_letter, engine):
    function = dead_letter.function
    needed = {"action": ["functiongraph:function:invokeAsync"]}
    pages.post(url(function, "grant"), needed)

    where = reverse("delivery-resend", args=[dead_letter.delivery_id])
    asked = pages.get(where)
    pages.post(where)
    engine.run()

    assert (
        "Send the record to test2:latest again? The target may receive it twice."
        in (asked.text)
    )
    assert Delivery.objects.get().status == "DELIVERED"
    assert Invocation.objects.filter(function__name="test2").exists()
    assert "settings/permissions" not in pages.get(detail(dead_letter)).text


def test_the_detail_shows_reference_and_what_was_left_out(pages, dead_letter):
    Delivery.objects.update(
        kind="Box",
        target_key="1:Box:red",
        reference="red/<1>.json",
        is_emptied=True,
        status="DELIVERED",
    )

    page = pages.get(detail(dead_letter)).text

    assert "red/&lt;1&gt;.json" in page
    assert "too large for Box, so its payloads were left out." in page
    assert reverse("delivery-resend", args=[dead_letter.delivery_id]) not in page


def test_a_right_asked_for_by_several_kinds_is_granted_once(pages, kinds):
    function = make_function()

    pages.post(url(function, "grant"), {"action": [PUT, SEND, PUT]})

    assert Agency.objects.get().actions.count(PUT) == 1
