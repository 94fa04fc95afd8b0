"""“Send a test”: from the dialog before saving, and from what is saved."""

import json
import threading

import pytest
from django.urls import reverse

from asyncconfig.config import probing
from asyncconfig.destinations import KINDS
from asyncconfig.models import AsyncConfig, Delivery, Invocation
from console import access
from functions import agencies
from functions.models import Agency
from tests.support.engine import record_received_by
from tests.support.factories import (
    latest,
    make_config,
    make_function,
    make_project,
    make_user,
)
from tests.support.kinds import PUT, Box, refused

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def box(monkeypatch, project):
    made = Box()
    monkeypatch.setitem(KINDS, "Box", made)
    agencies.grant(Agency.objects.get(project=project), [PUT])
    return made


def url(function):
    return reverse("function-async-probe", args=["default", function.name])


def typed(side="success", **changed):
    return {
        "max_retries": "1",
        "max_age_seconds": "3600",
        f"{side}_kind": "Box",
        f"{side}-box": "red",
        f"{side}-prefix": "a",
        f"{side}-days": "0",
        "probe": side,
    } | changed


def told(function, **changed):
    return {
        "success_kind": "FunctionGraph",
        "success-function": function.name,
        "success-qualifier": "latest",
        "probe": "success",
    } | changed


def test_what_is_typed_is_tested_before_it_is_saved(pages, box):
    function = make_function()

    response = pages.post(url(function), typed(), headers=HTMX)

    (parcel,) = box.sent
    record = json.loads(parcel.record)
    assert response.status_code == 200
    assert "Delivered in" in response.text
    assert "Put as red/1.json." in response.text
    assert "<html" not in response.text
    assert record["probe"] is True
    assert record["request_context"]["request_id"] == str(parcel.request_id)
    assert (parcel.delivery, parcel.version) == (None, latest(function))
    assert not AsyncConfig.objects.exists()
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("side", "condition"), [("success", ""), ("failure", "UnhandledInvocationError")]
)
def test_the_record_is_one_of_its_side(pages, box, side, condition):
    pages.post(url(make_function()), typed(side), headers=HTMX)

    record = json.loads(box.sent[0].record)
    assert record["request_context"]["condition"] == condition
    assert bool(record["response_context"]["function_error"]) == bool(condition)


def test_what_is_saved_is_tested_from_the_summary(pages, box):
    function = make_function()
    pages.post(
        reverse("function-async-edit", args=["default", function.name]),
        typed("failure", revision="0"),
    )

    response = pages.post(url(function), {"saved": "1", "probe": "failure"})

    assert "<html" in response.text
    assert "Delivered in" in response.text
    assert len(box.sent) == 1


def test_without_javascript_the_dialog_comes_back_as_it_was(pages, box):
    response = pages.post(url(make_function()), typed(**{"success-prefix": "mine"}))

    assert "<html" in response.text
    assert 'value="mine"' in response.text
    assert "Delivered in" in response.text
    assert not AsyncConfig.objects.exists()


def _breaks(parcel):
    raise ZeroDivisionError("oops")


FAILURES = [
    ({"send_error": refused("The box refuses: wrong key.")}, "wrong key."),
    ({"send_error": refused("No route.", permanent=False)}, "No route."),
    ({"verify_error": "Box red does not exist."}, "Box red does not exist."),
    ({"send": _breaks}, "ZeroDivisionError: oops"),
]


@pytest.mark.parametrize(("broken", "sentence"), FAILURES)
def test_what_goes_wrong_is_said(pages, box, broken, sentence):
    for name, value in broken.items():
        setattr(box, name, value)

    response = pages.post(url(make_function()), typed(), headers=HTMX)

    assert response.status_code == 200
    assert sentence in response.text
    assert "Delivered" not in response.text


def test_a_target_that_never_answers_is_not_waited_for(pages, box, monkeypatch):
    monkeypatch.setattr(probing, "PROBE_SECONDS", 0.05)
    done = threading.Event()
    box.send = lambda parcel: done.wait(20)

    response = pages.post(url(make_function()), typed(), headers=HTMX)
    done.set()

    assert "No answer within 0.05 s." in response.text


def test_a_missing_right_leads_to_where_it_is_set(pages, box):
    Agency.objects.update(actions=[])

    response = pages.post(url(make_function("fn")), typed(), headers=HTMX)

    assert "lacks box:object:put on red/a." in response.text
    assert "/f/default/fn/settings/permissions?needs=" in response.text
    assert box.sent == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (typed(**{"success-box": ""}), "Choose a box."),
        (typed(success_kind=""), "Choose a target service from the list."),
        ({"saved": "1", "probe": "success"}, "Nobody is notified."),
    ],
)
def test_what_cannot_be_tested_is_said(pages, box, fields, sentence):
    response = pages.post(url(make_function()), fields, headers=HTMX)

    assert response.status_code == 422
    assert sentence in response.text


def test_a_function_is_asked_about_first_and_then_really_runs(pages, engine):
    test2, function = make_function("test2"), make_function()

    asked = pages.post(url(function), told(test2), headers=HTMX)
    before = Invocation.objects.count()
    sent = pages.post(url(function), told(test2, confirmed="success"), headers=HTMX)
    engine.run()

    assert "The function really runs. Send it a test?" in asked.text
    assert before == 0
    accepted = Invocation.objects.get()
    assert reverse("invocation", args=[accepted.request_id]) in sent.text
    assert record_received_by(test2)["probe"] is True


def test_a_saved_function_is_asked_about_without_javascript_too(pages):
    test2, function = make_function("test2"), make_function()
    make_config(function, on_success=test2)

    response = pages.post(url(function), {"saved": "1", "probe": "success"})

    assert 'name="confirmed" value="success"' in response.text
    assert not Invocation.objects.exists()


def test_a_person_tests_so_many_times_a_minute(pages, box, monkeypatch):
    monkeypatch.setattr("console.pages.function.async_test.MAX_TESTS_PER_MINUTE", 1)
    function = make_function()
    pages.post(url(function), typed(), headers=HTMX)

    response = pages.post(url(function), typed(), headers=HTMX)

    assert response.status_code == 429
    assert "Too many requests. Try again in 60 s." in response.text
    assert len(box.sent) == 1


@pytest.mark.parametrize("fields", [{}, {"probe": "both"}])
def test_only_the_two_sides_can_be_tested(pages, fields):
    assert pages.post(url(make_function()), fields).status_code == 404


def test_readers_may_not_test(client, project, box):
    client.force_login(make_user(group=access.READER, project=project))

    assert client.post(url(make_function()), typed()).status_code == 403
    assert box.sent == []


def test_another_projects_targets_are_not_tested(client, box):
    function = make_function()
    other = make_project("elsewhere")
    client.force_login(make_user(group=access.ADMINISTRATOR, project=other))

    assert client.post(url(function), typed()).status_code == 404
    assert box.sent == []
