"""Who may call: signatures, tokens, keys, roles, and what strangers learn."""

import hashlib
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from asyncconfig.models import Invocation
from console.access import READER
from console.models import AccessKey
from console.security import signing, tokens
from tests.support.factories import make_function, make_project, make_user
from tests.support.signer import Signer, code_of

VECTOR_PROJECT = "0123456789abcdef0123456789abcdef"
VECTOR_HEADERS = {
    "user-agent": "demo/1.0",
    "content-type": "application/json",
    "x-project-id": VECTOR_PROJECT,
    "x-sdk-date": "20250102T030405Z",
    "host": "127.0.0.1:8000",
}
VECTOR_SIGNED = ("content-type", "host", "user-agent", "x-project-id", "x-sdk-date")


def test_the_signature_of_a_post_is_the_official_clients():
    urn = f"urn:fss:cn-north-4:{VECTOR_PROJECT}:function:default:demo:!prod"
    request = signing.Request(
        "POST",
        f"/v2/{VECTOR_PROJECT}/fgs/functions/{urn}/invocations-async",
        "",
        VECTOR_HEADERS,
        b'{"k": "v"}',
    )

    assert signing.signature(request, signed=VECTOR_SIGNED, secret="SKDEMO") == (
        "04f954ec1e04d67e215f41dcd76c48694ff7e2009a29b44227a2d955fd4e1b72"
    )


def test_the_signature_of_a_get_is_the_official_clients():
    request = signing.Request(
        "GET",
        f"/v2/{VECTOR_PROJECT}/fgs/functions",
        "func_name=a%20b~c&maxitems=20",
        VECTOR_HEADERS,
        b"",
    )

    assert signing.signature(request, signed=VECTOR_SIGNED, secret="SKDEMO") == (
        "e780a845ed71783026c2fc0d823ae88f51fa560d2a1cc9aeb8b0c77b445dec2d"
    )


def test_a_signed_request_is_let_in_and_noted(signer, functions_url, caller):
    answer = signer.send("GET", functions_url)

    key = AccessKey.objects.get()
    assert answer.status_code == 200
    assert answer["X-Request-Id"]
    assert key.last_used_from == "127.0.0.1"
    assert key.last_used_at


def test_a_body_under_a_declared_hash_is_covered(signer, functions_url):
    body = b'{"func_name": "x"}'
    right = hashlib.sha256(body).hexdigest()

    good = signer.send("POST", functions_url, body, x_sdk_content_sha256=right)
    wrong = signer.send("POST", functions_url, body, x_sdk_content_sha256="0" * 64)

    assert code_of(good)[0] == 400
    assert code_of(wrong) == (401, "APIGW.0301")


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"secret": "another"}, "APIGW.0301"),
        ({"age": 901}, "APIGW.0307"),
        ({"age": -901}, "APIGW.0307"),
        ({"signed": ("host",)}, "APIGW.0301"),
        ({"signed": ("content-type", "host")}, "APIGW.0301"),
    ],
)
def test_a_wrong_signature_is_refused(signer, functions_url, told, code):
    assert code_of(signer.send("GET", functions_url, **told)) == (401, code)


@pytest.mark.parametrize("signed", [("x-sdk-date",), ("content-type", "x-sdk-date")])
def test_a_client_need_not_sign_the_host(signer, functions_url, signed):
    assert signer.send("GET", functions_url, signed=signed).status_code == 200


def test_a_changed_body_is_refused(signer, functions_url, client):
    signer.send("POST", functions_url, b'{"func_name": "a"}')

    changed = client.generic(
        "POST",
        functions_url,
        b'{"func_name": "b"}',
        "application/json",
        headers=signer.last,
    )

    assert code_of(changed) == (401, "APIGW.0301")


def test_an_unsigned_request_is_refused(client, functions_url):
    assert code_of(client.get(functions_url)) == (401, "FSS.0401")


@pytest.mark.parametrize(
    "authorization",
    ["Basic x", "SDK-HMAC-SHA256", "SDK-HMAC-SM3 Access=a, SignedHeaders=b", "é"],
)
def test_other_authorizations_are_refused(client, functions_url, authorization):
    answer = client.get(functions_url, headers={"authorization": authorization})

    assert code_of(answer) == (401, "APIGW.0301")


def test_a_disabled_key_and_account_are_refused(signer, functions_url, caller):
    user, _project, _key = caller
    AccessKey.objects.update(is_active=False)
    disabled = signer.send("GET", functions_url)
    AccessKey.objects.update(is_active=True)
    User.objects.filter(pk=user.pk).update(is_active=False)
    gone = signer.send("GET", functions_url)

    assert code_of(disabled) == code_of(gone) == (401, "APIGW.0302")


def test_a_key_that_does_not_exist_looks_like_a_wrong_secret(
    signer, functions_url, client
):
    wrong = signer.send("GET", functions_url, secret="guess")
    AccessKey.objects.all().delete()
    gone = signer.send("GET", functions_url)

    assert wrong.content == gone.content


def test_another_projects_function_looks_like_none(signer, functions_url):
    other = make_function("secret", project=make_project("other"))
    make_function("own")

    foreign = signer.send("GET", f"{functions_url}/{other.urn()}/config")
    none = signer.send("GET", f"{functions_url}/secret/config")
    project = signer.send("GET", f"/v2/{other.project.project_id}/fgs/functions")

    assert code_of(foreign) == (404, "FSS.1051")
    assert foreign.content == none.content
    assert code_of(project) == (404, "FSS.0404")


def test_a_reader_reads_and_changes_nothing(client, caller):
    _user, project, _key = caller
    reader = make_user("reader", project=project, group=READER)
    function = make_function("own", project=project)
    send = Signer(client, AccessKey.objects.create(user=reader)).send
    url = f"/v2/{project.project_id}/fgs/functions/{function.urn()}"

    read = send("GET", f"{url}/config")
    refused = [
        send("POST", f"{url}/invocations-async", b"{}"),
        send("POST", f"{url}/invocations", b"{}"),
        send("PUT", f"{url}/async-invoke-config", b"{}"),
        send("DELETE", url),
        send("POST", f"{url}/cancel", b'{"request_id": "x"}'),
    ]

    assert read.status_code == 200
    assert {code_of(answer) for answer in refused} == {(403, "FSS.1126")}
    assert not Invocation.objects.exists()
    function.refresh_from_db()
    assert function.deleted_at is None


def ask_for_token(client, **identity):
    body = json.dumps({"auth": {"identity": identity}})
    return client.post("/v3/auth/tokens", body, content_type="application/json")


def test_a_token_stands_for_the_person(client, caller, functions_url):
    user = {"name": "caller", "password": "pass", "domain": {"name": "d"}}
    answer = ask_for_token(client, methods=["password"], password={"user": user})
    token = answer["X-Subject-Token"]

    assert answer.status_code == 201
    assert answer.json()["token"]["project"]["id"] == caller[1].project_id
    assert client.get(functions_url, headers={"x-auth-token": token}).status_code == 200


def test_a_key_and_its_secret_get_a_token_too(client, caller):
    pair = {"access": {"key": caller[2].access_key}}

    right = ask_for_token(
        client,
        methods=["hw_ak_sk"],
        hw_ak_sk=pair | {"secret": {"key": caller[2].secret}},
    )
    wrong = ask_for_token(
        client, methods=["hw_ak_sk"], hw_ak_sk=pair | {"secret": {"key": "guess"}}
    )

    assert right.status_code == 201
    assert code_of(wrong) == (401, "APIGW.0301")


def test_tokens_end(client, caller, functions_url):
    user = caller[0]
    over = tokens.issue(user, lifetime=timedelta(seconds=-1))
    changed = tokens.issue(user)
    user.set_password("another")
    user.save()

    for token in (over, changed, "nonsense", changed + "x"):
        answer = client.get(functions_url, headers={"x-auth-token": token})
        assert code_of(answer) == (401, "APIGW.0307")


def test_five_wrong_passwords_lock_the_account_for_tokens(client, caller):
    user = {"name": "caller", "password": "guess"}
    for _turn in range(5):
        ask_for_token(client, methods=["password"], password={"user": user})
    user["password"] = "pass"

    answer = ask_for_token(client, methods=["password"], password={"user": user})

    assert code_of(answer) == (401, "APIGW.0303")


def test_the_region_is_the_name_of_exactly_one_project(signer, caller):
    user = caller[0]
    make_project("second", members=[user])

    by_region = signer.send("GET", "/v3/projects?name=cn-east-3").json()["projects"]
    by_name = signer.send("GET", "/v3/projects?name=second").json()["projects"]
    every = signer.send("GET", "/v3/projects").json()["projects"]

    assert [one["id"] for one in by_region] == [caller[1].project_id]
    assert [one["name"] for one in by_name] == ["second"]
    assert len(every) == 2


def test_an_unknown_endpoint_is_named(client):
    answer = client.get("/v2/p/fgs/nowhere")

    assert code_of(answer) == (404, "FSS.0404")
    assert "/v2/p/fgs/nowhere" in answer.json()["error_msg"]


def test_a_wrong_method_answers_in_the_envelope(client, functions_url):
    answer = client.put(functions_url)

    assert code_of(answer) == (405, "FSS.0405")
    assert answer["Allow"]


def test_large_and_chunked_bodies_are_refused_unread(signer, functions_url):
    function = make_function("own")
    url = f"{functions_url}/{function.urn()}/invocations-async"

    large = signer.send("POST", url, b"1" * 262_145)
    chunked = signer.send("POST", url, b"{}", transfer_encoding="chunked")
    usual = signer.send("POST", f"{functions_url}/own/aliases", b"1" * 1_048_577)

    assert code_of(large) == code_of(usual) == (413, "FSS.0413")
    assert code_of(chunked) == (411, "FSS.0411")
    assert not Invocation.objects.exists()


def test_sentences_are_english_unless_chinese_is_asked_for(client, functions_url):
    english = client.get(functions_url).json()["error_msg"]
    chinese = client.get(functions_url, headers={"accept-language": "zh-CN"})

    assert english.startswith("Sign the request")
    assert "签名" in chinese.json()["error_msg"]


def test_the_database_away_is_a_503_in_the_envelope(client, functions_url, monkeypatch):
    def away(*_args):
        raise OperationalError("gone")

    monkeypatch.setattr(tokens, "read", away)

    answer = client.get(functions_url, headers={"x-auth-token": "t"})

    assert code_of(answer) == (503, "FSS.0503")
