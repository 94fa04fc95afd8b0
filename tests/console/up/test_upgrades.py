"""What earlier versions stored is all there after an upgrade, and usable."""

import json
import re
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest

from console.security import signing
from tests.api.conftest import client_for, encoded
from tests.api.test_sdk_async_config import get
from tests.api.test_sdk_invocations import ended, listed, run
from tests.support.installation import ROOT, Installation, Person, until
from tests.support.restoring import restore, rows
from tests.support.subscribers import Web, serving

DUMPS = sorted((ROOT / "tests/data").glob("*.sql"))
OPEN = ("WAIT", "RUNNING")
# A deleted function has no page; its requests have theirs.
FUNCTIONS = (
    "SELECT f.name, v.max_retries FROM functions_function f"
    " LEFT JOIN functions_version l ON l.function_id = f.id AND l.name = 'latest'"
    " LEFT JOIN asyncconfig_asyncconfig v ON v.version_id = l.id AND v.is_current"
    " WHERE f.deleted_at IS NULL"
)
REQUESTS = (
    "SELECT f.name, i.request_id, i.status, f.deleted_at FROM asyncconfig_invocation i"
    " JOIN functions_function f ON f.id = i.function_id"
)
TELLS_SECRETS = (
    "def handler(event, context):\n"
    "    return context.getUserData('PASSWORD') + context.getUserData('PLAIN')\n"
)


@pytest.fixture(scope="module", params=DUMPS, ids=lambda path: path.stem)
def dump(request):
    return request.param


@pytest.fixture(scope="module")
def hook():
    with serving(Web()) as web:
        yield web


@pytest.fixture(scope="module")
def running(dump, hook, tmp_path_factory):
    """Today's version on yesterday's data."""
    data = tmp_path_factory.mktemp("upgrade") / "data"
    address = f"127.0.0.1:{hook.server_port}"
    restore(dump, data, hook=address)
    installation = Installation(
        data, DELIVERY_RETRY_BASE_SECONDS="0.2", OUTGOING_ALLOWED="127.0.0.1"
    )
    installation.start()
    yield installation
    installation.stop()


@pytest.fixture(scope="module")
def project_id(dump):
    ((found,),) = rows(dump, "SELECT project_id FROM functions_project WHERE id = 1")
    return found


@pytest.fixture(scope="module")
def key(dump, running):
    """A developer's access key: what is public of it, and its secret."""
    ((access_key,),) = rows(
        dump, "SELECT access_key FROM console_accesskey WHERE description = 'ci'"
    )
    code = f"AccessKey.objects.get(access_key='{access_key}').secret"
    said = running.manage(
        "shell", "-c", f"from console.models import AccessKey; print({code})"
    )
    return access_key, said.split()[-1]


@pytest.fixture(scope="module")
def client(running, key, project_id):
    return client_for(running.url, *key, project_id)


@pytest.fixture(scope="module")
def urn(project_id):
    return lambda name: f"urn:fss:cn-east-3:{project_id}:function:default:{name}:latest"


@pytest.fixture(scope="module")
def person(running):
    """The administrator, with the password of then."""
    return Person(running)


def counted(running):
    """Return what the balance says: requests, notifications, messages, the drift."""
    return running.manage("balance").strip().replace(". ", ".\n").splitlines()


def test_requests_of_then_have_ended_as_they_had_or_run_to_their_end(dump, client, urn):
    known = [row for row in rows(dump, REQUESTS) if row[3] is None]
    expected = {row[1]: "SUCCESS" if row[2] in OPEN else row[2] for row in known}

    found = {
        request_id: ended(client, urn(name), str(UUID(request_id)))
        for name, request_id, _status, _deleted in known
    }

    assert {row[2] for row in known} == {*OPEN, "SUCCESS", "FAIL", "DISCARD"}
    assert found == expected


def test_every_request_has_its_page(dump, person):
    for _name, request_id, _status, _deleted in rows(dump, REQUESTS):
        assert str(UUID(request_id)) in person.get(f"/invocations/{UUID(request_id)}")


def test_what_was_owed_is_delivered_and_nothing_is_missing(running, client, hook):
    until(lambda: "WAIT" not in running.manage("balance"), seconds=60)
    _accepted, owed, to_subscribers, drift = counted(running)

    assert "1 FAILED" in owed
    assert "SENDING" not in owed
    assert to_subscribers.endswith("3 DELIVERED.")
    assert drift == "Drift 0."
    assert len(hook.letters("SubscriptionConfirmation")) == 1


def test_what_was_given_up_can_be_sent_again(running, dump, person):
    ((delivery_id,),) = rows(
        dump,
        "SELECT delivery_id FROM asyncconfig_delivery WHERE status = 'FAILED'",
    )
    person.post(f"/deliveries/{UUID(delivery_id)}/resend", next="/deliveries")

    until(lambda: "FAILED" not in counted(running)[1])


def test_functions_and_their_configurations_are_there(dump, client, urn, person):
    known = dict(rows(dump, FUNCTIONS))
    page = person.get("/functions")
    body = client.list_functions(sdk.ListFunctionsRequest())

    assert {one.func_name for one in body.functions} == set(known)
    for name, retries in known.items():
        assert f"/f/default/{name}/" in page
        if retries is not None:
            assert get(client, urn(name)).max_async_retry_attempts == retries
    assert "def handler" in person.get("/f/default/works/code")
    assert "event-1" in person.get("/f/default/works/events/event-1")


@pytest.mark.parametrize("qualifier", ["v1", "!live"])
def test_versions_and_aliases_still_run(client, urn, qualifier):
    of_version = urn("works").removesuffix("latest") + qualifier

    assert json.loads(run(client, of_version, {"n": 3}).raw_content) == {"n": 3}


def test_encrypted_variables_are_deciphered(client, urn):
    body = sdk.UpdateFunctionCodeRequestBody(
        code_type="inline", func_code=sdk.FuncCode(file=encoded(TELLS_SECRETS))
    )
    client.update_function_code(
        sdk.UpdateFunctionCodeRequest(function_urn=urn("works"), body=body)
    )

    assert b"kept secretshown" in run(client, urn("works"), {}).raw_content


def test_an_idempotency_key_of_then_is_known(dump, running, key, urn, project_id):
    ((request_id,),) = rows(
        dump,
        "SELECT i.request_id FROM asyncconfig_idempotencykey k"
        " JOIN asyncconfig_invocation i ON i.id = k.invocation_id",
    )
    path = (
        f"/v2/{urn('x').split(':')[3]}/fgs/functions/{urn('works')}/invocations-async"
    )

    answer = signed(running.url, path, key, b'{"once":1}', "order-1")

    assert answer == {"request_id": str(UUID(request_id))}


def signed(url, path, key, body, idempotency_key):
    """Send a request by hand, signed by what the reference says."""
    headers = {
        "content-type": "application/json",
        "host": urlsplit(url).netloc,
        "idempotency-key": idempotency_key,
        "x-sdk-date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
    }
    names = tuple(headers)
    request = signing.Request("POST", path, "", headers, body)
    signature = signing.signature(request, signed=names, secret=key[1])
    headers["authorization"] = (
        f"SDK-HMAC-SHA256 Access={key[0]}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    sent = urllib.request.Request(url + path, body, headers)
    with urllib.request.urlopen(sent, timeout=30) as answer:
        return json.loads(answer.read())


def test_a_new_request_runs_beside_those_of_then(dump, client, urn):
    before = len(rows(dump, REQUESTS + " WHERE f.name = 'plain'"))

    client.async_invoke_function(
        sdk.AsyncInvokeFunctionRequest(function_urn=urn("plain"), body={})
    )

    assert len(listed(client, urn("plain")).invocations) == before + 1


SERVICES = [
    ("topics/news", "/f/default/told/code"),
    ("streams/results", "results"),
    ("buckets", "archive-bucket"),
    ("rocketmq", "mq"),
    ("networks", "net"),
]


@pytest.mark.parametrize(("path", "shown"), SERVICES)
def test_services_are_there(person, path, shown):
    assert shown in person.get(f"/services/{path}")


def test_messages_are_there(dump, person):
    known = rows(dump, "SELECT message_id, body FROM asyncconfig_message")

    for message_id, body in known:
        page = person.get(f"/services/topics/news/messages/{UUID(message_id)}")
        words = re.findall(r"\w+", bytes(body).decode())
        assert all(word in page for word in words[:3])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What today's version stores, as its release will be kept."""
    path = tmp_path_factory.mktemp("dump") / "today.sql"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.dumping"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    Path(path).write_text(done.stdout)
    return path


def test_a_dump_for_the_next_release_can_be_made(written):
    text = written.read_text()
    version = text.split()[2].rstrip(",")
    found = rows(written, "SELECT DISTINCT status FROM asyncconfig_invocation")

    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    assert {status for (status,) in found} == {*OPEN, "SUCCESS", "FAIL", "DISCARD"}
    assert {"WAIT", "FAILED", "DELIVERED"} == {
        status for (status,) in rows(written, "SELECT status FROM asyncconfig_delivery")
    }
