"""What an attacker sends: each is refused in the envelope, and nothing changes."""

import base64
import io
import json
import zipfile

import pytest
from django.contrib.auth.models import User
from django.test import Client

from asyncconfig.models import Invocation
from console.api.routes import api
from console.security import tokens
from functions import transfer
from functions.models import Alias, Function
from tests.support.factories import latest, make_function, make_project, make_user
from tests.support.smallest import BODIES

pytestmark = pytest.mark.django_db


class Caller:
    """Calls the API in a person's name; errors of ours are answers, not raised."""

    def __init__(self, user, project):
        self._client = Client(raise_request_exception=False, enforce_csrf_checks=True)
        self._root = f"/v2/{project.project_id}/fgs"
        self.token = tokens.issue(user)

    def __call__(self, method, path, body=b"", **headers):
        told = {"x-auth-token": self.token} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        answer = self._client.generic(
            method, self._root + path, body, "application/json", headers=told
        )
        assert answer["X-Request-Id"]
        return answer


@pytest.fixture
def function(db):
    return make_function("own", project=make_project())


@pytest.fixture
def user(function):
    group = "FunctionGraph Administrator"
    return make_user("caller", project=function.project, group=group)


@pytest.fixture
def call(user, function):
    return Caller(user, function.project)


def code_of(answer):
    return answer.status_code, json.loads(answer.content)["error_code"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"func_vpc": {"a": NaN}}',
        b'{"func_vpc": {"a": -Infinity}}',
        b'{"func_vpc": {"a": 1e999}}',
        b'{"description": "\\ud800"}',
        b'{"func_vpc": {"a": "\\uDFFF"}}',
        b'{"description": "\\u0000"}',
        b'{"description": "\x00"}',
        b'{"lts_custom_tag": {"\\u0000": 1}}',
        b'{"lts_custom_tag": {"a": [{"\\uDBFF": 1}]}}',
        b'{"description": "\xe9"}',
        b'{"timeout": ' + b"9" * 6000 + b"}",
        b"[" * 100_000,
        b'{"func_vpc":' + b'{"a":' * 50_000,
        b'"text"',
        b"[]",
        b"null",
        b"7",
    ],
    ids=range(17),
)
def test_bodies_that_cannot_be_kept_are_refused(call, function, body):
    answer = call("PUT", "/functions/own/config", body)

    assert code_of(answer) == (400, "FSS.0406")
    assert latest(function).echoed == {}


def test_escapes_that_a_text_only_tells_of_are_kept(call, function):
    told = r"a\u0000b \ud800"

    answer = call("PUT", "/functions/own/config", json.dumps({"description": told}))

    assert answer.status_code == 200
    assert latest(function).description == told


def test_an_alias_with_no_number_as_number_is_not_taken_for_a_second(call, function):
    rule = '{"rule_type": "Header", "param": "p", "op": "=", "value": "v"}'
    strategy = f'{{"v": {{"combine_type": "and", "rules": [{rule}], "x": NaN}}}}'
    told = '{"name": "a", "version": "latest", "additional_version_strategy": '
    body = told + strategy + "}"

    answer = call("POST", "/functions/own/aliases", body.encode())

    assert code_of(answer) == (400, "FSS.0406")
    assert not Alias.objects.exists()


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b'{"a": -Infinity}'])
def test_events_are_json_and_not_what_python_takes_for_it(call, body):
    answer = call("POST", "/functions/own/invocations-async", body)

    assert code_of(answer) == (400, "FSS.0406")
    assert not Invocation.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        f"/functions?marker={'9' * 5000}",
        f"/functions?maxitems={'9' * 5000}",
        f"/functions/own/async-invocations?limit={'9' * 5000}",
        "/functions/own/async-invocations?query_begin_time=0001-01-01T00:00:00%2B14:00",
        f"/function/report?limit={'9' * 5000}",
        f"/function/report?start_time={'9' * 5000}",
        f"/functions/own/statistics/{'9' * 5000}",
        "/functions?func_name=%00",
    ],
    ids=range(8),
)
def test_numbers_and_times_without_end_are_refused(call, path):
    assert code_of(call("GET", path)) == (400, "FSS.1001")


def test_the_last_second_there_is_may_be_asked_for(call):
    query = "query_end_time=9999-12-31T23:59:59"

    answer = call("GET", f"/functions/own/async-invocations?{query}")

    assert answer.status_code == 200


def test_a_memory_size_without_end_is_refused(call):
    answer = call(
        "POST",
        "/functions/own/invocations-async",
        b"{}",
        x_cff_instance_memory="9" * 5000,
    )

    assert code_of(answer) == (406, "FSS.0406")


def damaged(function):
    """Return an export whose compressed bytes are spoiled."""
    archive = bytearray(transfer.export(latest(function)))
    begin = archive.find(b"function.json") + len("function.json")
    for place in range(begin + 2, begin + 12):
        archive[place] ^= 0xFF
    return bytes(archive)


def test_damaged_archives_are_refused(call, function):
    archive = base64.b64encode(damaged(function)).decode()
    told = {"func_name": "two", "file_name": "x.zip", "file_type": "zip"}
    code = {"code_type": "zip", "func_code": {"file": archive}}

    brought = call(
        "POST", "/functions/import", json.dumps(told | {"file_code": archive})
    )
    deployed = call("PUT", "/functions/own/code", json.dumps(code))

    assert code_of(brought) == code_of(deployed) == (400, "FSS.1011")
    assert Function.objects.count() == 1


def bring(call, told):
    """Import an archive with these settings, as JSON, and no code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("function.json", told)
    body = {
        "func_name": "two",
        "file_name": "x.zip",
        "file_type": "zip",
        "file_code": base64.b64encode(archive.getvalue()).decode(),
    }
    return call("POST", "/functions/import", json.dumps(body))


@pytest.mark.parametrize("told", [[], 5, {"code_filename": 1}, {"code_filename": "x"}])
def test_archives_that_tell_nonsense_are_refused(call, told):
    assert bring(call, json.dumps(told)).status_code == 400
    assert Function.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("description", r'"\ud800"', "half of a surrogate pair"),
        ("vpc", r'"\ud800"', "half of a surrogate pair"),
        ("vpc", r'"a\u0000"', "holds a NUL character"),
        ("user_data", r'{"A": "\u0000"}', "holds a NUL character"),
        ("user_data", r'{"A": "\udfff"}', "half of a surrogate pair"),
        ("user_data", '{"A": ' + "[" * 100 + "]" * 100 + "}", "an object of texts"),
        ("user_data", '"text"', "an object of texts"),
        ("description", "5", "description has to be text"),
        ("vpc", '["a"]', "vpc has to be text"),
    ],
)
def test_settings_that_no_export_has_are_refused(call, function, name, value, sentence):
    with zipfile.ZipFile(io.BytesIO(transfer.export(latest(function)))) as opened:
        told = json.loads(opened.read("function.json"))
    others = json.dumps({one: told[one] for one in told if one != name})

    answer = bring(call, f'{others[:-1]}, "{name}": {value}}}')

    assert code_of(answer)[0] == 400
    assert sentence in json.loads(answer.content)["error_msg"]
    assert Function.objects.count() == 1


@pytest.mark.parametrize(
    "told",
    [
        {"extend_config": "名" * 11_000},
        {"extend_config": "x" * 20_000, "mount_config": {"a": "x" * 20_000}},
        {"mount_config": json.loads('{"a":' * 16 + "1" + "}" * 16)},
    ],
)
def test_what_is_only_given_back_is_little(call, function, told):
    kept = {"mount_config": json.loads('{"a":' * 15 + "1" + "}" * 15)}
    new = {"func_name": "two", "runtime": latest(function).runtime}
    assert call("PUT", "/functions/own/config", json.dumps(kept)).status_code == 200

    made = call("POST", "/functions", json.dumps(new | told))
    changed = call("PUT", "/functions/own/config", json.dumps(told))

    assert code_of(made) == code_of(changed) == (400, "FSS.0400")
    assert latest(function).echoed == kept


@pytest.mark.parametrize("value", [r"a\u0000b", r"\udfff"])
def test_variables_that_no_environment_takes_are_refused(call, function, value):
    body = {"user_data": f'{{"A": "{value}"}}'}
    new = {"func_name": "two", "runtime": latest(function).runtime} | body

    made = call("POST", "/functions", json.dumps(new))
    changed = call("PUT", "/functions/own/config", json.dumps(body))

    assert code_of(made) == code_of(changed) == (400, "FSS.1009")
    assert Function.objects.count() == 1


def test_a_session_is_no_way_into_the_api(client, user, function):
    client.force_login(user)
    url = f"/v2/{function.project.project_id}/fgs/functions"

    for answer in (client.get(url), client.delete(f"{url}/own")):
        assert code_of(answer) == (401, "FSS.0401")
    function.refresh_from_db()
    assert function.deleted_at is None


def test_a_page_takes_no_token(client, call):
    answer = client.get("/functions", headers={"x-auth-token": call.token})

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login")


def test_a_disabled_persons_token_is_void(call, user):
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert code_of(call("GET", "/functions")) == (401, "APIGW.0307")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_unknown_endpoints_answer_in_the_envelope_whatever_the_method(call, method):
    answer = call(method, "/vpc-endpoint", b"{}")

    assert code_of(answer) == (404, "FSS.0404")
    assert f"{method} /v2/" in json.loads(answer.content)["error_msg"]


def test_a_host_that_is_not_ours_is_told_so_in_the_envelope(call):
    answer = call("GET", "/functions", host="evil.example")

    assert code_of(answer) == (400, "FSS.0400")
    assert "evil.example" in json.loads(answer.content)["error_msg"]


def test_every_operation_of_a_project_is_closed_to_strangers(function):
    """Whatever its parameters are, another project's path leads nowhere."""
    stranger = make_user("eve", group="FunctionGraph Administrator")
    client = Client(raise_request_exception=False)
    headers = {"x-auth-token": tokens.issue(stranger)}
    seen = 0
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, told in methods.items():
            url = path.replace("{project_id}", function.project.project_id)
            url = url.replace("{function_urn}", function.urn())
            url = url.replace("{resource_id}", str(function.func_id))
            url = url.replace("{resource_type}", "functions")
            if not url.startswith("/v2/"):
                continue
            body = json.dumps(BODIES.get(told["operationId"], {}))
            query = (
                "?filter=monitor_data&stream-name=x&partition-id=0&cursor-type=LATEST"
            )
            query += "&partition-cursor=x"
            bare = client.generic(method.upper(), url + query, body, "application/json")
            answer = client.generic(
                method.upper(), url + query, body, "application/json", headers=headers
            )
            assert code_of(bare) == (401, "FSS.0401"), told["operationId"]
            assert code_of(answer) == (404, "FSS.0404"), told["operationId"]
            seen += 1
    assert seen == 78
