"""What a change over the API leaves as it was."""

import json

import pytest

from console import access
from console.security import tokens
from tests.support.factories import latest, make_function, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def function(project):
    return make_function("own", project=project)


@pytest.fixture
def put(client, function):
    """Change the function's settings; return the answer's status and body."""
    user = make_user(group=access.ADMINISTRATOR, project=function.project)
    url = f"/v2/{function.project.project_id}/fgs/functions/own/config"
    headers = {"X-Auth-Token": tokens.issue(user)}

    def send(**told):
        answer = client.put(url, told, "application/json", headers=headers)
        return answer.status_code, answer.json()

    return send


def test_secrets_stay_when_they_are_sent_back_as_they_are_shown(put, function):
    put(encrypted_user_data='{"KEEP": "one", "CHANGE": "two", "DROP": "three"}')

    status, shown = put(
        encrypted_user_data='{"KEEP": "", "CHANGE": "new", "FRESH": ""}'
    )

    told = json.loads(shown["encrypted_user_data"])
    assert (status, told) == (200, {"KEEP": "", "CHANGE": "", "FRESH": ""})
    assert latest(function).encrypted_user_data == {
        "KEEP": "one",
        "CHANGE": "new",
        "FRESH": "",
    }


def test_a_kept_secret_counts_as_what_it_is(put, function):
    put(encrypted_user_data=json.dumps({"KEEP": "x" * 3000}))

    status, told = put(encrypted_user_data=json.dumps({"KEEP": "", "B": "x" * 2000}))

    assert (status, told["error_code"]) == (400, "FSS.1018")


@pytest.mark.parametrize("field", ["user_data", "encrypted_user_data"])
def test_chinese_variables_do_not_stop_other_changes(put, function, field):
    put(**{field: json.dumps({"A": "名" * 4000}, ensure_ascii=False)})

    status, _told = put(timeout=30)

    assert (status, len(getattr(latest(function), field)["A"])) == (200, 4000)
