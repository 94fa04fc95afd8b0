"""What a change over the API leaves as it was."""

import base64
import io
import json
import zipfile

import pytest

from console import access
from console.api.shapes.function_shapes import FunctionChange
from console.security import tokens
from functions.runtime import available_runtimes
from tests.support.factories import ECHO, latest, make_function, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def function(project):
    return make_function("own", project=project)


@pytest.fixture
def headers(function):
    user = make_user(group=access.ADMINISTRATOR, project=function.project)
    return {"X-Auth-Token": tokens.issue(user)}


@pytest.fixture
def put(client, function, headers):
    """Change the function's settings; return the answer's status and body."""
    url = f"/v2/{function.project.project_id}/fgs/functions/own"

    def send(what="config", **told):
        answer = client.put(f"{url}/{what}", told, "application/json", headers=headers)
        return answer.status_code, answer.json()

    return send


@pytest.fixture
def post(client, function, headers):
    """Create another function; return the answer's status and body."""
    url = f"/v2/{function.project.project_id}/fgs/functions"

    def send(**told):
        usual = {"func_name": "other", "runtime": available_runtimes()[0]}
        told = usual | told
        answer = client.post(url, told, "application/json", headers=headers)
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


def test_what_a_strategy_leaves_out_stays(put, function):
    put(strategy_config={"concurrency": 7})

    status, shown = put(strategy_config={"concurrent_num": 10})
    _status, again = put(strategy_config={"concurrency": 8})

    assert (status, shown["strategy_config"]) == (
        200,
        {"concurrency": 7, "concurrent_num": 10},
    )
    assert again["strategy_config"] == {"concurrency": 8, "concurrent_num": 10}
    assert put(strategy_config={})[1]["strategy_config"] == again["strategy_config"]


def test_a_limit_that_is_left_out_disables_nothing(put, function):
    put(strategy_config={"concurrency": 7})

    status, shown = put("config-max-instance", max_instance_num=None)

    assert (status, shown["strategy_config"]["concurrency"]) == (200, 7)


def test_an_initializer_is_switched_off_by_empty_text_and_0(put, function):
    put(initializer_handler="index.start", initializer_timeout=60)

    status, shown = put(initializer_handler="", initializer_timeout=0)

    assert (status, shown["initializer_handler"]) == (200, "")
    assert latest(function).initializer_handler == ""


@pytest.mark.parametrize("seconds", [0, 301, -1])
def test_an_initializer_has_a_time_that_can_be(put, seconds):
    status, told = put(initializer_handler="index.start", initializer_timeout=seconds)

    assert (status, told["error_code"]) == (400, "FSS.1405")


def test_a_function_without_initializer_is_created_with_0(post):
    status, shown = post(initializer_handler="", initializer_timeout=0)

    assert (status, shown["initializer_handler"]) == (200, "")


CHANGES = {
    "timeout": 30,
    "memory_size": 256,
    "user_data": '{"A": "b"}',
    "description": "told",
    "strategy_config": {"concurrency": 5},
    "extend_config": "kept",
}


def test_null_is_what_was_left_out(put, function):
    _status, before = put(**CHANGES)

    names = FunctionChange.model_fields
    status, after = put(**dict.fromkeys(names))

    assert status == 200
    assert {name: after.get(name) for name in names} == {
        name: before.get(name) for name in names
    }


def test_null_within_what_is_kept_does_no_harm(put):
    told = {"image": "i", "command": None, "args": ["a", None]}

    status, shown = put(custom_image=told, strategy_config={"concurrent_num": None})

    assert (status, shown["custom_image"]) == (200, {"image": "i", "args": ["a", None]})


def test_null_for_what_must_be_told_is_refused(post):
    status, told = post(func_name=None)

    assert (status, told["error_code"]) == (400, "FSS.0400")


def test_code_stays_where_only_what_goes_with_it_is_changed(put, function):
    digest = latest(function).code_id

    status, shown = put("code", code_type="inline", depend_version_list=["one"])
    kept = put(description="later")[1]
    nothing, _told = put("code", code_type="inline", depend_version_list=["one"])

    assert (status, shown["depend_version_list"], shown["digest"]) == (
        200,
        ["one"],
        digest,
    )
    assert kept["depend_version_list"] == ["one"]
    assert nothing == 400


def test_code_in_one_folder_is_refused_with_its_handler_and_taken_before(put, post):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo/index.py", ECHO)
    code = {
        "code_type": "zip",
        "func_code": {"file": base64.b64encode(buffer.getvalue()).decode()},
    }

    status, told = post(handler="index.handler", **code)
    # Terraform deploys code first and then says what its handler is.
    deployed, _shown = put("code", **code)
    moved, _shown = put(handler="demo/index.handler")

    assert (status, told["error_code"]) == (400, "FSS.1011")
    assert "demo" in told["error_msg"]
    assert (deployed, moved) == (200, 200)


def test_what_nobody_knows_is_passed_over(put, post):
    assert put(no_such_setting={"a": [1]}, timeout=40)[1]["timeout"] == 40
    assert post(no_such_setting="x")[0] == 200
