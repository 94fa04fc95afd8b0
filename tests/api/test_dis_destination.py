"""Notifications to a remote DIS: another installation, through the official SDK."""

import base64
import json
import socket
import sys
import uuid
from dataclasses import replace

import huaweicloudsdkdis.v2 as sdk
import pytest
from django.core.exceptions import ValidationError

from asyncconfig.clients import cloud
from asyncconfig.config import saving
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Delivery
from asyncconfig.wanted import Destined, Wanted
from functions.models.agency import PUT_RECORDS
from tests.api.test_sdk_dis import consume, cursor
from tests.support.factories import RAISES, accept, lead, make_function, make_parcel

pytestmark = pytest.mark.django_db
DESTINATION = KINDS["DIS"]


@pytest.fixture
def remote(dis):
    """The name of a stream of the other installation."""
    name = f"remote-{uuid.uuid4().hex[:8]}"
    body = sdk.CreateStreamReq(stream_name=name, partition_count=2)
    dis.create_stream(sdk.CreateStreamRequest(body=body))
    return name


def version_with(reach):
    return lead(make_function(source=RAISES), reach, PUT_RECORDS)


def param(name):
    return json.dumps({"stream_name": name})


def refused(reach, name="results"):
    with pytest.raises(DeliveryError) as caught:
        DESTINATION.send(make_parcel(version_with(reach), {"stream_name": name}))
    return caught.value


def test_a_notification_is_read_back_by_the_official_sdk(engine, reach, remote, dis):
    version = version_with(reach)
    target = DESTINATION.read(param(remote), version)
    chosen = Destined("DIS", param(remote), target)
    wanted = Wanted(max_retries=0, on_failure=chosen)
    saving.save(version, wanted, by=None)
    invocation = accept(version.function)

    engine.run()

    delivery = Delivery.objects.get()
    partition, _slash, number = delivery.reference.partition("/")
    (record,) = consume(dis, cursor(dis, remote, "TRIM_HORIZON", partition)).records
    assert delivery.status == "DELIVERED"
    assert base64.b64decode(record.data) == bytes(delivery.record)
    assert record.partition_key == str(invocation.request_id)
    assert record.sequence_number == number


def test_a_remote_stream_is_looked_for_when_saving(reach, remote):
    version = version_with(reach)

    assert DESTINATION.verify(param(remote), version) == ""
    with pytest.raises(ValidationError, match="has no such stream"):
        DESTINATION.verify(param("nobody"), version)


def test_what_cannot_be_verified_is_a_warning(reach, settings):
    settings.AGENCY_HTTP_HOSTS += ["127.0.0.1:9"]
    away = replace(reach, endpoints={"DIS": "http://127.0.0.1:9"})
    wrong = replace(reach, secret_key="wrong")

    no_answer = DESTINATION.verify(param("any"), version_with(away))
    refusal = DESTINATION.verify(param("any"), version_with(wrong))

    assert no_answer == "http://127.0.0.1:9 cannot be reached."
    assert "does not accept the agency's key" in refusal


def test_the_form_takes_any_name_of_a_remote_stream(reach):
    version = version_with(reach)
    form = DESTINATION.form(version, data={"stream": "over-there"})
    wrong = DESTINATION.form(version, data={"stream": "over there"})

    assert form.is_valid()
    assert json.loads(form.param()) == {"stream_name": "over-there"}
    assert form.note() == ""
    assert wrong.errors["stream"] == ["Choose a stream."]


def test_an_unknown_stream_is_permanent(reach):
    error = refused(reach, "nobody")

    assert error.permanent
    assert str(error).startswith("DIS has no such stream: DIS.4301")


def test_a_wrong_key_is_permanent(reach):
    error = refused(replace(reach, secret_key="wrong"))

    assert error.permanent
    assert "does not accept the agency's key: APIGW.0301" in str(error)


def test_no_route_passes(reach, settings):
    settings.AGENCY_HTTP_HOSTS = ["127.0.0.1:9"]
    error = refused(replace(reach, endpoints={"DIS": "http://127.0.0.1:9"}))

    assert not error.permanent
    assert str(error) == "http://127.0.0.1:9 cannot be reached."


def test_a_service_that_never_answers_ends_in_time(reach, settings, monkeypatch):
    monkeypatch.setattr(cloud, "SENDING", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        settings.AGENCY_HTTP_HOSTS, url = [place], f"http://{place}"
        error = refused(replace(reach, endpoints={"DIS": url}))

    assert not error.permanent
    assert str(error) == f"{url} did not answer in time."


def test_a_certificate_that_is_not_trusted_passes(reach, known):
    """Plain HTTP where TLS is expected fails in the same place."""
    url = known["url"].replace("http:", "https:")
    error = refused(replace(reach, endpoints={"DIS": url}))

    assert not error.permanent


@pytest.mark.parametrize(
    ("missing", "words"),
    [("secret_key", "no access key"), ("project_id", "no project")],
)
def test_what_the_sdk_would_guess_is_asked_for(reach, missing, words):
    error = refused(replace(reach, **{missing: ""}))

    assert error.permanent
    assert f"The agency has {words}" in str(error)


@pytest.mark.parametrize(
    ("code", "permanent"),
    [("DIS.4303", False), ("DIS.5000", False), ("DIS.4300", True), (None, False)],
)
def test_a_record_that_fails_in_an_answer_of_200_is_a_failure(
    reach, monkeypatch, code, permanent
):
    results = [sdk.PutRecordsResultEntry(error_code=code, error_message="no")]
    answer = sdk.SendRecordsResponse(failed_record_count=1, records=results)
    monkeypatch.setattr(sdk.DisClient, "send_records", lambda *_: answer)

    error = refused(reach)

    assert error.permanent is permanent
    assert str(error).startswith("DIS did not take the record")


def test_without_the_sdk_it_says_what_to_install(reach, monkeypatch):
    monkeypatch.setitem(sys.modules, "huaweicloudsdkdis.v2", None)

    error = refused(reach)

    assert error.permanent
    assert "extra “cloud”" in str(error)
