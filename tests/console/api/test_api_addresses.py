"""What clients look at on the way is there, and what is nowhere says so."""

import pytest

from console import access
from console.api.absent import LISTS
from console.security import tokens
from functions.models import LogStream
from tests.support.factories import make_function, make_user

pytestmark = pytest.mark.django_db
NOBODY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def function(project):
    return make_function("own", project=project)


@pytest.fixture
def call(client, function):
    user = make_user(group=access.ADMINISTRATOR, project=function.project)
    headers = {"X-Auth-Token": tokens.issue(user)}

    def send(method, path, body=None):
        url = f"/v2/{function.project.project_id}{path}"
        told = {"data": body, "content_type": "application/json"} if body else {}
        return getattr(client, method)(url, headers=headers, **told)

    return send


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["", "?marker=0&limit=100", "?marker=7&maxitems=1"])
def test_what_is_not_here_is_an_empty_list(call, path, query):
    answer = call("get", f"/fgs{path}{query}")

    assert answer.status_code == 200
    lists = [told for told in answer.json().values() if isinstance(told, list)]
    assert lists == [[]]
    assert answer.json().get("count", 0) == 0


def test_the_reads_of_one_function_answer_as_if_it_had_none(call, function):
    urn = function.urn()

    assert call("get", f"/fgs/triggers/{urn}").json() == []
    assert call("delete", f"/fgs/triggers/{urn}").status_code == 204
    assert call("get", f"/fgs/functions/{urn}/tracing").json() == {
        "tracing_ak": "",
        "tracing_sk": "",
    }
    assert call("get", "/fgs/triggers/other").status_code == 404


def test_reserved_instances_can_be_given_up_but_not_taken(call):
    path = "/fgs/functions/own/reservedinstances"

    given_up = call("put", path, {"count": 0, "idle_mode": False})
    taken = call("put", path, {"count": 1})

    assert (given_up.status_code, given_up.json()["count"]) == (200, 0)
    assert (taken.status_code, taken.json()["error_code"]) == (400, "FSS.0400")


def test_log_groups_are_those_that_have_names(call, function):
    before = call("get", "/groups").json()
    call("post", "/fgs/functions/enable-async-status-logs")

    (group,) = call("get", "/groups").json()["log_groups"]
    streams = call("get", f"/groups/{group['log_group_id']}/streams").json()

    assert before == {"log_groups": []}
    known = LogStream.objects.get(project=function.project)
    assert group["log_group_name"] == known.group_name
    assert [one["log_stream_name"] for one in streams["log_streams"]] == [str(known)]
    assert call("get", f"/groups/{NOBODY}/streams").json() == {"log_streams": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/fgs/functions/nowhere"),
        ("post", "/fgs/functions/nowhere"),
        ("put", "/fgs/functions/own"),
        ("patch", "/fgs/functions/default:own"),
        ("get", "/fgs/functions/reservedinstance-configs"),
        ("post", "/fgs/triggers/nowhere"),
        ("get", "/fgs/nowhere"),
        ("get", "/fgs/functions/own/nowhere"),
        ("post", "/nowhere/tags"),
        ("get", "/nowhere/own/tags/create"),
    ],
)
def test_a_word_that_is_no_operation_is_404_and_named(call, method, path):
    answer = call(method, path)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "FSS.0404")
    named = f"{method.upper()} /v2/"
    assert answer.json()["error_msg"].startswith(named)
    assert answer.json()["error_msg"].endswith("is not an endpoint of this server.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/fgs/functions/own/config"),
        ("get", "/fgs/functions/import"),
        ("post", "/functions/tags"),
        ("put", "/fgs/dependencies"),
    ],
)
def test_an_operation_with_another_method_is_405(call, method, path):
    assert call(method, path).status_code == 405


def test_a_urn_with_another_method_is_405(call, function):
    assert call("get", f"/fgs/functions/{function.urn()}").status_code == 405
