"""An API call, a page and a worker ask the same function for each rule."""

import json

import pytest
from django.urls import reverse

from asyncconfig import graph
from asyncconfig.decisions import loops
from asyncconfig.decisions.loops import Verdict
from asyncconfig.invocations import starting
from asyncconfig.models import AsyncConfig
from functions import names, qualifiers
from tests.support.factories import accept, make_config, make_function

pytestmark = pytest.mark.django_db


@pytest.fixture
def everywhere(client, caller, signer):
    """A person's pages and API calls, in one project."""
    client.force_login(caller[0])
    client.cookies["django_language"] = "en"
    return client, signer


def spy(monkeypatch, owner, name):
    """Return what a function is called with, while it goes on as it was."""
    calls, original = [], getattr(owner, name)

    def call(*told, **named):
        calls.append((told, named))
        return original(*told, **named)

    monkeypatch.setattr(owner, name, call)
    return calls


def api(function, rest=""):
    project = function.project.project_id
    return f"/v2/{project}/fgs/functions/{function.urn('latest')}/{rest}"


def page(function, name):
    return reverse(name, args=[function.package, function.name])


def test_a_version_is_looked_up_in_one_place(everywhere, monkeypatch):
    pages, signer = everywhere
    function = make_function()
    asked = spy(monkeypatch, qualifiers, "_version")

    assert signer.send("GET", api(function, "config")).status_code == 200
    assert pages.get(page(function, "function-code")).status_code == 200
    starting.find_version(function.project, names.Urn("", "", "default", function.name))

    assert len(asked) == 3


def test_the_target_of_a_side_is_asked_of_the_configuration(
    everywhere, engine, monkeypatch
):
    pages, signer = everywhere
    function = make_function()
    make_config(function, on_success=make_function("told"))
    accept(function)
    asked = spy(monkeypatch, AsyncConfig, "destination")

    signer.send("GET", api(function, "async-invoke-config"))
    by_api = len(asked)
    pages.get(page(function, "function-async"))
    by_page = len(asked) - by_api
    claims = engine.claim()
    engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    by_worker = len(asked) - by_api - by_page

    assert by_api >= 2
    assert by_page >= 2
    assert by_worker == 1


@pytest.mark.parametrize(
    ("setting", "verdict"),
    [("accept", Verdict.ACCEPTED), ("refuse", Verdict.REFUSED)],
)
def test_a_loop_is_judged_in_one_place(
    everywhere, settings, monkeypatch, setting, verdict
):
    pages, signer = everywhere
    settings.ASYNC_LOOPS = setting
    function = make_function("f")
    urn = function.urn("latest")
    seen, judge = [], graph.judge

    def note(paths, *, accepted):
        seen.append(judge(paths, accepted=accepted))
        return seen[-1]

    monkeypatch.setattr(graph, "judge", note)
    told = {"destination": "FunctionGraph", "param": json.dumps({"func_urn": urn})}
    edge = loops.Edge("success", "f")
    accepted = loops.digest([loops.path_back({}, source="f", edge=edge)])

    answer = signer.send(
        "PUT",
        api(function, "async-invoke-config"),
        json.dumps({"destination_config": {"on_success": told}}).encode(),
    )
    pages.post(
        page(function, "function-async-edit"),
        {
            "max_retries": "1",
            "max_age_seconds": "60",
            "success_kind": "FunctionGraph",
            "success-function": "f",
            "success-qualifier": "latest",
            "accepted_loop": accepted,
            "revision": "1",
        },
    )

    assert answer.status_code == (200 if setting == "accept" else 400)
    assert seen == [verdict, verdict]


@pytest.mark.parametrize(
    ("accepted", "verdict"),
    [("", Verdict.TO_ACCEPT), ("other", Verdict.TO_ACCEPT), (None, Verdict.ACCEPTED)],
)
def test_who_can_be_asked_has_to_accept_exactly_the_loop(accepted, verdict):
    path = loops.path_back({}, source="f", edge=loops.Edge("success", "f"))

    assert loops.judge([path], are_allowed=True, accepted=accepted) is verdict
    assert loops.judge([path], are_allowed=False, accepted=accepted) is Verdict.REFUSED
    assert loops.judge([], are_allowed=False, accepted=accepted) is Verdict.NO_LOOP


def test_an_alias_shows_the_version_that_it_runs(everywhere):
    function = make_function()
    version = function.versions.get()
    function.aliases.create(name="live", version=version)

    shown = qualifiers.find(function, "!live")

    assert shown == qualifiers.resolve(function, "!live").version == version
