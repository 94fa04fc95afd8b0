"""The API explorer and access keys, as pages."""

import ast
import importlib
import json
import shlex

import pytest
from django.db import connection
from django.urls import reverse

from asyncconfig.models import Invocation
from console.explorer import exploring, samples
from console.models import AccessKey
from tests.support.factories import make_function, make_project, make_user

pytestmark = pytest.mark.django_db
URL = "/api-explorer"


@pytest.fixture
def person(client):
    project = make_project()
    user = make_user("ann", project=project, group="FunctionGraph Administrator")
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return user


def fields(function, **more):
    return {
        "region": "cn-east-3",
        "p-project_id": function.project.project_id,
        "p-function_urn": function.urn(),
        **more,
    }


def test_the_guides_operation_is_the_first(client, person):
    page = client.get(URL).text

    assert page.index("AsyncInvokeFunction") < page.index("InvokeFunction</span>")
    assert "Run a function asynchronously" in page


def test_rows_become_the_body_of_a_request_that_really_runs(client, person):
    function = make_function("test2")

    page = client.post(URL, fields(function, key="aaa", value="123")).text

    invocation = Invocation.objects.get()
    assert bytes(invocation.payload) == b'{"aaa":"123"}'
    assert invocation.accepted_by == "ann"
    assert "202 Accepted" in page
    for name in ("invocation", "invocation-chain"):
        assert f'"{reverse(name, args=[invocation.request_id])}"' in page
    assert "X-Auth-Token: ••••••" in page


def test_rows_turn_into_json_and_back(client, person):
    function = make_function()

    as_json = client.post(
        URL, fields(function, key=["a", "b"], value=["1", ""], **{"as": "json"})
    )
    as_rows = client.post(
        URL, fields(function, body='{"a": "1", "n": 2}', **{"as": "rows"})
    )
    more = client.post(URL, fields(function, key="a", value="1", **{"as": "more"}))

    assert as_json.context["body"] == '{"a":"1","b":""}'
    assert as_rows.context["rows"] == [("a", "1"), ("n", "2")]
    assert more.context["rows"] == [("a", "1"), ("", "")]
    assert not Invocation.objects.exists()


def test_another_region_and_missing_fields_are_told(client, person):
    function = make_function()

    region = client.post(URL, fields(function) | {"region": "cn-north-4"})
    missing = client.post(URL, fields(function) | {"p-function_urn": ""})

    assert "This server is cn-east-3, not cn-north-4." in region.text
    assert "Fill in: function_urn." in missing.text


def test_a_refusal_is_shown_as_it_came(client, person):
    function = make_function()

    page = client.post(
        f"{URL}?operation=ShowFunctionConfig",
        fields(function) | {"p-function_urn": "nobody"},
    ).text

    assert "404 Not Found" in page
    assert "FSS.1051" in page


def test_it_gives_nobody_a_right(client, person):
    reader = make_user("r", project=make_project("p2"), group="FunctionGraph Invoker")
    function = make_function(project=reader.projects.get())
    client.force_login(reader)

    page = client.post(f"{URL}?operation=DeleteFunction", fields(function)).text

    assert "FSS.1126" in page
    function.refresh_from_db()
    assert function.deleted_at is None


def test_a_field_cannot_become_a_header_of_its_own(client, person):
    function = make_function()

    page = client.post(
        URL, fields(function) | {"p-Idempotency-Key": "a\r\nX-Auth-Token: b"}
    )

    assert "202 Accepted" in page.text
    assert page.context["call"].headers["Idempotency-Key"] == "aX-Auth-Token: b"


def test_a_header_that_would_not_arrive_is_not_left_out(client, person):
    function = make_function()

    page = client.post(URL, fields(function) | {"p-Idempotency-Key": "订单"}).text

    assert "Idempotency-Key: write 1 to 255 ASCII characters." in page
    assert not Invocation.objects.exists()


def ask_for_token(client, password, **extra):
    user = {"name": "ann", "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    return client.post(
        f"{URL}?operation=KeystoneCreateUserTokenByPassword",
        {"region": "cn-east-3", "body": json.dumps({"auth": {"identity": identity}})},
        **extra,
    )


def test_a_token_is_not_shown(client, person):
    page = ask_for_token(client, "pass")

    assert "201 Created" in page.text
    assert "X-Subject-Token" not in page.text.replace("in X-Subject-Token", "")
    assert "no-store" in page["Cache-Control"]


def test_guesses_count_against_the_persons_own_address(client, person):
    for _turn in range(5):
        ask_for_token(client, "guess", REMOTE_ADDR="10.0.0.9")

    assert "APIGW.0303" in ask_for_token(client, "pass", REMOTE_ADDR="10.0.0.9").text
    assert "201 Created" in ask_for_token(client, "pass", REMOTE_ADDR="10.0.0.8").text


def test_bytes_of_every_kind_travel_in_paths(client, person):
    function = make_function()

    page = client.post(
        f"{URL}?operation=ShowVersionAlias",
        fields(function) | {"p-name": "é/ü %2F"},
    ).text

    assert "FSS.0404" in page or "FSS.1053" in page


def test_every_operation_opens(client, person, rf):
    make_function("one")
    for operation in exploring.operations(rf.get("/", headers={"host": "testserver"})):
        page = client.get(URL, {"operation": operation})
        assert page.status_code == 200, operation
    assert client.get(URL, {"operation": "Nothing"}).status_code == 404


def test_the_filter_finds_by_name_in_the_readers_language(client, person):
    page = client.get(URL, {"q": "tags"}).text

    assert "CreateTags" in page
    assert "ShowFunctionCode" not in page


def test_what_is_shown_as_sdk_and_curl_is_right_for_every_operation(rf, person):
    request = rf.get("/", headers={"host": "testserver"})
    for operation in exploring.operations(request).values():
        values = {one.name: "x'y" for one in operation.parameters}
        call = exploring.prepare(request, operation, values, '{"a": "it\'s"}')

        words = shlex.split(samples.as_curl(call).replace("\\\n", ""))
        assert words[0] == "curl"
        assert '{"a": "it\'s"}' in words
        shown = samples.as_sdk(call)
        if not shown:
            continue
        tree = ast.parse(shown)
        package, client = samples.SDKS.get(operation.tag, samples.FUNCTIONGRAPH_SDK)
        sdk = importlib.import_module(package)
        called = next(
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == f"{operation.id}Request"
        )
        known = getattr(sdk, f"{operation.id}Request").openapi_types
        given = {word.arg for word in called.keywords} - {"body"}
        assert given <= set(known), operation.id
        method = ast.unparse(tree.body[-1].value.func).removeprefix("client.")
        assert hasattr(getattr(sdk, client), method), operation.id


def test_a_secret_is_shown_once_and_a_third_key_refused(client, person):
    first = client.post("/access-keys/new", {"description": "laptop"})
    key = AccessKey.objects.get()
    listed = client.get("/access-keys")
    client.post("/access-keys/new")
    third = client.post("/access-keys/new")

    assert key.secret in first.text
    assert "no-store" in first["Cache-Control"]
    assert key.secret not in listed.text
    assert key.access_key in listed.text
    assert third.status_code == 409
    assert "You already have two keys" in third.text
    assert AccessKey.objects.count() == 2


def test_a_key_is_disabled_before_it_is_deleted(client, person):
    client.post("/access-keys/new")
    key = AccessKey.objects.get()
    where = reverse("access-key-delete", args=[key.access_key])

    client.post(where)
    still = AccessKey.objects.filter(pk=key.pk).exists()
    client.post(
        reverse("access-key-switch", args=[key.access_key]), {"active": "false"}
    )
    client.post(where)

    assert still
    assert not AccessKey.objects.exists()


def test_other_peoples_keys_do_not_exist(client, person):
    key = AccessKey.objects.create(user=make_user("bob"))

    for name in ("access-key-delete", "access-key-switch"):
        answer = client.post(reverse(name, args=[key.access_key]))
        assert answer.status_code == 404
    assert key.access_key not in client.get("/access-keys").text


def test_the_secret_is_encrypted_at_rest(person):
    key = AccessKey.objects.create(user=person)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM console_accesskey")
        stored = cursor.fetchone()[0]

    assert key.secret.encode() not in bytes(stored)


def test_the_document_is_open_and_tells_nothing_of_anybody(client):
    document = json.loads(client.get("/v2/openapi.json").content)

    assert document["openapi"] == "3.1.0"


def test_filtering_does_not_choose_another_operation(pages):
    page = pages.get("/api-explorer?operation=ListFunctions").text
    search = page[page.index('role="search"') :]

    assert 'name="operation" value="ListFunctions"' in search[: search.index("</form>")]
