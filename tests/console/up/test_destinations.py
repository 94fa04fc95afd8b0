"""The guide's own examples at a running installation, and a courier that is killed."""

import base64
import json
import os
import re
import signal
import sqlite3
import urllib.request
from contextlib import closing
from uuid import UUID

import huaweicloudsdkdis.v2 as dis_sdk
import huaweicloudsdkfunctiongraph.v2 as sdk
import huaweicloudsdksmn.v2 as smn_sdk
import pytest

from functions.models.agency import ACTIONS
from tests.api.conftest import ECHO, client_of, maker
from tests.api.test_sdk_async_config import put, told
from tests.api.test_sdk_dis import consume, cursor
from tests.api.test_sdk_invocations import ended, listed, start
from tests.api.test_sdk_smn import subscribe
from tests.support.installation import Installation, Person, until
from tests.support.local_services import objects_of, s3_client
from tests.support.subscribers import Mail, Web, serving

FAILS_WHEN_ASKED = (
    "def handler(event, context):\n"
    "    if event.get('fail'):\n"
    "        raise ValueError('asked to fail')\n"
    "    return {'got': event}\n"
)
PAYLOAD = {"orderId": "1", "名": "东"}
# The first part of a partition's ID is the same everywhere.
PARTITION = "shardId-0000000000"


@pytest.fixture(scope="module")
def mail():
    with serving(Mail()) as server:
        yield server


@pytest.fixture(scope="module")
def web():
    with serving(Web()) as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory, mail):
    installation = Installation(
        tmp_path_factory.mktemp("destinations") / "data",
        DELIVERY_RETRY_BASE_SECONDS="0.2",
        WORKER_LEASE_SECONDS="2",
        WORKER_RENEW_SECONDS="0.5",
        OUTGOING_ALLOWED="127.0.0.1",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=str(mail.port),
    )
    installation.start()
    yield installation
    installation.stop(seconds=30)


@pytest.fixture(scope="module")
def person(running):
    """The administrator, after making an agency and a bucket on the pages."""
    made = Person(running)
    made.post("/agencies/new", name="everything", actions=list(ACTIONS))
    new = ("/services/new-bucket",)
    until(lambda: "/services/buckets" in made.post(*new, name="results-bucket")[0])
    return made


@pytest.fixture(scope="module")
def known(running):
    return running.credentials


@pytest.fixture(scope="module")
def client(known):
    return client_of(known)


@pytest.fixture(scope="module")
def make(client, known, person):
    return maker(client, known | {"agency": "everything"})


@pytest.fixture(scope="module")
def stream(known):
    """The client of DIS, once it has made the stream that is told."""
    client = client_of(known, dis_sdk.DisClient)
    body = dis_sdk.CreateStreamReq(stream_name="results", partition_count=1)
    client.create_stream(dis_sdk.CreateStreamRequest(body=body))
    return client


@pytest.fixture(scope="module")
def storage(running):
    names = ("obs-access.key", "obs-secret.key")
    keys = [(running.data / "keys" / name).read_text().strip() for name in names]
    return s3_client(running.environment_of("granian")["OBS_ENDPOINT"], *keys)


def obs():
    param = '{"bucket":"results-bucket","prefix":"/success","expires":5}'
    return sdk.FuncDestinationConfig(destination="OBS", param=param)


def dis():
    return sdk.FuncDestinationConfig(
        destination="DIS", param='{"stream_name":"results"}'
    )


def function(urn):
    param = json.dumps({"func_urn": urn})
    return sdk.FuncDestinationConfig(destination="FunctionGraph", param=param)


def topic(urn):
    param = json.dumps({"topic_urn": urn})
    return sdk.FuncDestinationConfig(destination="SMN", param=param)


def configure(client, urn, **sides):
    return put(
        client,
        urn,
        max_async_event_age_in_seconds=3600,
        max_async_retry_attempts=0,
        destination_config=told(**sides),
    )


def run(client, urn, payload=None, *, ends):
    """Run it asynchronously to its end; return the request's ID."""
    request_id = start(client, urn, payload or PAYLOAD).request_id
    assert ended(client, urn, request_id) == ends
    return request_id


def shown(running, person, request_id):
    """Return the record that the console shows, once it has been delivered."""

    def delivered():
        return rows_of(running, "DELIVERED", request_id)

    until(delivered)
    return person.get(f"/invocations/{request_id}/record.bin")


def rows_of(running, status, *request_ids):
    """Return [(delivery ID, reference)] of the requests' notifications."""
    marks = ", ".join("?" for _one in request_ids)
    sql = (
        "SELECT d.delivery_id, d.reference FROM asyncconfig_delivery d"
        " JOIN asyncconfig_invocation i ON i.id = d.invocation_id"
        f" WHERE d.status = ? AND i.request_id IN ({marks})"
    )
    ids = [one.replace("-", "") for one in request_ids]
    return query(running, sql, status, *ids)


def query(running, sql, *values):
    where = f"file:{running.data / 'console.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(where, uri=True, timeout=20)) as database:
        return database.execute(sql, values).fetchall()


def records_of(stream):
    """Return {request ID: [record, …]} of the stream, read with the official SDK."""
    found = {}
    at = cursor(stream, "results", "TRIM_HORIZON", PARTITION)
    while (answer := consume(stream, at)).records:
        for one in answer.records:
            data = base64.b64decode(one.data)
            found.setdefault(one.partition_key, []).append(data)
        at = answer.next_partition_cursor
    return found


def test_failure_goes_to_obs_and_success_to_dis(
    running, person, client, make, stream, storage
):
    urn = make(FAILS_WHEN_ASKED)
    saved = configure(client, urn, on_success=dis(), on_failure=obs())

    good = run(client, urn, ends="SUCCESS")
    bad = run(client, urn, PAYLOAD | {"fail": True}, ends="FAIL")
    told_good = shown(running, person, good)
    told_bad = shown(running, person, bad)

    assert saved.destination_config.on_failure.param == obs().param
    assert records_of(stream)[good] == [told_good.encode()]
    ((key, (body, notes)),) = objects_of(storage, "results-bucket").items()
    assert body == told_bad.encode()
    assert key.startswith("success/")
    assert key.endswith(f"/{bad}.json")
    assert notes["request-id"] == bad
    assert json.loads(body)["response_context"]["function_error"].endswith(
        "asked to fail"
    )


def test_success_starts_another_function_with_the_record(running, person, client, make):
    first, second = make(FAILS_WHEN_ASKED), make(ECHO)
    configure(client, first, on_success=function(second))

    request_id = run(client, first, ends="SUCCESS")

    record = shown(running, person, request_id)
    (started,) = until(lambda: listed(client, second, status="SUCCESS").invocations)
    got = person.get(f"/invocations/{started.request_id}/input.bin")
    assert got == record


def test_success_goes_to_obs_and_failure_to_everyone_who_subscribed(
    running, person, client, make, storage, known, web, mail
):
    smn = client_of(known, smn_sdk.SmnClient)
    body = smn_sdk.CreateTopicRequestBody(name="failures")
    urn = smn.create_topic(smn_sdk.CreateTopicRequest(body=body)).topic_urn
    listener = make(ECHO)
    subscribe(smn, urn, "http", web.url)
    subscribe(smn, urn, "email", "ops@example.com")
    subscribe(smn, urn, "functionstage", listener)
    until(lambda: web.letters("SubscriptionConfirmation") and mail.received)
    confirm(web.letters("SubscriptionConfirmation")[0]["subscribe_url"])
    invited = mail.received[0].get_content()
    link = re.search(r"/smn/subscription/confirm\S+", invited)[0]
    person.get(link)
    person.post(link)  # A button, since what reads mail opens links.
    source = make(FAILS_WHEN_ASKED)
    configure(client, source, on_success=obs(), on_failure=topic(urn))

    good = run(client, source, ends="SUCCESS")
    bad = run(client, source, {"fail": True}, ends="FAIL")
    record = shown(running, person, bad)

    shown_good = shown(running, person, good)
    objects = objects_of(storage, "results-bucket")
    (stored,) = [body for key, (body, _n) in objects.items() if good in key]
    assert stored == shown_good.encode()
    (letter,) = until(web.letters)
    assert letter["message"] == record
    until(lambda: len(mail.received) == 2)
    assert record in mail.received[1].get_content()
    (started,) = until(lambda: listed(client, listener, status="SUCCESS").invocations)
    event = json.loads(person.get(f"/invocations/{started.request_id}/input.bin"))
    assert event["record"][0]["smn"]["message"] == record


def confirm(link):
    """Follow a link as a program that was invited does."""
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.status == 200


def test_a_courier_that_is_killed_between_two_targets_loses_nothing(
    running, person, client, make, stream, storage
):
    urn = make(FAILS_WHEN_ASKED)
    configure(client, urn, on_success=dis(), on_failure=obs())
    targets = [running.pid_of(part) for part in ("/weed ", "valkey-server")]
    for pid in targets:
        os.kill(pid, signal.SIGSTOP)
    try:
        ids = [
            start(client, urn, PAYLOAD | {"fail": bool(number % 2)}).request_id
            for number in range(8)
        ]
        under_way = (
            "SELECT COUNT(DISTINCT kind) FROM asyncconfig_delivery"
            " WHERE status = 'SENDING'"
        )
        until(lambda: query(running, under_way) == [(2,)])
        os.kill(running.pid_of("--queue deliver"), signal.SIGKILL)
        sending = rows_of(running, "SENDING", *ids)
    finally:
        for pid in targets:
            os.kill(pid, signal.SIGCONT)

    until(lambda: len(rows_of(running, "DELIVERED", *ids)) == 8, seconds=60)

    arrived = rows_of(running, "DELIVERED", *ids)
    assert sending
    assert {one for one, _ref in sending} <= {one for one, _ref in arrived}
    objects = objects_of(storage, "results-bucket")
    streamed = records_of(stream)
    for number, request_id in enumerate(ids):
        record = shown(running, person, request_id)
        ((delivery_id, reference),) = rows_of(running, "DELIVERED", request_id)
        if number % 2:
            body, notes = objects[reference]
            assert body == record.encode()
            assert UUID(notes["delivery-id"]) == UUID(delivery_id)
        else:
            assert set(streamed[request_id]) == {record.encode()}
    assert "Drift 0." in running.manage("balance")
