"""What the API says of destinations that may not be saved."""

import json

import pytest

from asyncconfig.destinations import KINDS
from asyncconfig.models import AsyncConfig
from console import access
from console.security import tokens
from functions import agencies
from functions.models import Agency
from tests.support.factories import latest, make_function, make_project, make_user
from tests.support.kinds import PUT, Box, Rocket

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def box(monkeypatch):
    made = Box()
    monkeypatch.setitem(KINDS, "Box", made)
    monkeypatch.setitem(KINDS, "Rocket", Rocket())
    return made


@pytest.fixture
def put(client, project):
    """Return a function that puts a destination, in English."""
    user = make_user(group=access.ADMINISTRATOR, project=project)
    headers = {"X-Auth-Token": tokens.issue(user), "Accept-Language": "en"}

    def send(function, side="on_success", kind="Box", **param):
        told = {"destination": kind, "param": json.dumps(param or {"box": "red"})}
        urn = latest(function).urn
        answer = client.put(
            f"/v2/{project.project_id}/fgs/functions/{urn}/async-invoke-config",
            {"destination_config": {side: told}},
            "application/json",
            headers=headers,
        )
        return answer, json.loads(answer.content)

    return send


def test_a_missing_right_is_refused_with_the_action_and_the_smallest_policy(put, box):
    answer, said = put(make_function())

    sentence, policy = said["error_msg"].split(" The smallest policy: ")
    assert (answer.status_code, said["error_code"]) == (403, "FSS.1122")
    assert sentence == (
        "on_success: Agency fgconsole-default lacks box:object:put on red/."
    )
    assert json.loads(policy)["Statement"] == [{"Effect": "Allow", "Action": [PUT]}]
    assert not AsyncConfig.objects.exists()


def test_a_target_is_verified_whatever_was_said_just_now(put, box):
    agencies.grant(Agency.objects.get(), [PUT])
    function = make_function()

    saved, _said = put(function)
    box.verify_error = "Box red does not exist."
    refused, said = put(function)

    assert (saved.status_code, refused.status_code) == (200, 400)
    assert said["error_msg"] == "on_success: Box red does not exist."
    assert AsyncConfig.objects.count() == 1


def test_a_service_that_does_not_answer_stops_nobody(put, box):
    agencies.grant(Agency.objects.get(), [PUT])
    box.warning = "The box service does not answer."

    assert put(make_function())[0].status_code == 200


def test_a_kind_that_a_side_has_not_is_refused_with_the_reason(put, box):
    answer, said = put(make_function(), kind="Rocket")

    assert answer.status_code == 400
    assert said["error_msg"] == (
        "on_success: Rocket can be chosen for failure notification only."
    )
