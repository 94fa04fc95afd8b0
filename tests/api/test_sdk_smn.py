"""The official SDK of SMN on our topics, and our own use of it."""

import itertools
import json
import re
import socket
import urllib.request
from dataclasses import replace

import huaweicloudsdksmn.v2 as sdk
import pytest
from django.core.exceptions import ValidationError
from huaweicloudsdkcore.auth.credentials import BasicCredentials

from asyncconfig.clients import cloud
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Delivery
from asyncconfig.wanted import Destined
from functions.models.agency import PUBLISH
from tests.api.conftest import refused
from tests.support.factories import (
    accept,
    lead,
    make_config,
    make_function,
    make_parcel,
)
from tests.support.installation import until
from tests.support.subscribers import Web, serving

_numbers = itertools.count(1)


def client_for(known, **changed):
    told = known | changed
    credentials = BasicCredentials(
        told["access_key"], told["secret_key"], told["project_id"]
    )
    builder = sdk.SmnClient.new_builder().with_credentials(credentials)
    return builder.with_endpoint(told["url"]).build()


@pytest.fixture(scope="module")
def smn(known):
    return client_for(known)


@pytest.fixture
def web():
    with serving(Web()) as server:
        yield server


@pytest.fixture
def topic(smn):
    body = sdk.CreateTopicRequestBody(name=f"topic{next(_numbers)}")
    return smn.create_topic(sdk.CreateTopicRequest(body=body)).topic_urn


def subscribe(smn, topic, protocol, endpoint, **more):
    body = sdk.AddSubscriptionRequestBody(protocol=protocol, endpoint=endpoint, **more)
    return smn.add_subscription(sdk.AddSubscriptionRequest(topic, body=body))


def subscriptions(smn, topic):
    request = sdk.ListSubscriptionsByTopicRequest(topic_urn=topic, offset=0, limit=10)
    return smn.list_subscriptions_by_topic(request).subscriptions


def publish(smn, topic, **fields):
    body = sdk.PublishMessageRequestBody(**fields)
    return smn.publish_message(sdk.PublishMessageRequest(topic, body=body))


def test_a_topic_is_created_once_shown_listed_and_deleted(smn, known):
    body = sdk.CreateTopicRequestBody(name="once", display_name="Once 一次")
    first = smn.create_topic(sdk.CreateTopicRequest(body=body))
    again = smn.create_topic(sdk.CreateTopicRequest(body=body))
    urn = first.topic_urn
    shown = smn.list_topic_details(sdk.ListTopicDetailsRequest(urn))
    listed = smn.list_topics(sdk.ListTopicsRequest(offset=0, limit=10, name="once"))

    assert urn == f"urn:smn:{known['region']}:{known['project_id']}:once"
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.topic_urn == shown.topic_urn == listed.topics[0].topic_urn == urn
    assert (shown.display_name, listed.topic_count) == ("Once 一次", 1)
    assert smn.delete_topic(sdk.DeleteTopicRequest(urn)).request_id
    with refused(404, "SMN.0006"):
        smn.list_topic_details(sdk.ListTopicDetailsRequest(urn))


def test_a_subscriber_confirms_receives_and_leaves(smn, topic, web):
    made = subscribe(smn, topic, "http", web.url, remark="for tests")
    until(lambda: web.letters("SubscriptionConfirmation"))
    (before,) = subscriptions(smn, topic)
    link = web.letters("SubscriptionConfirmation")[0]["subscribe_url"]
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.status == 200
    (after,) = subscriptions(smn, topic)

    sent = publish(smn, topic, subject="Hi", message="hello 你好", time_to_live="60")
    until(lambda: web.letters())

    assert (before.status, after.status, after.remark) == (0, 1, "for tests")
    assert web.letters()[0]["message_id"] == sent.message_id
    assert web.letters()[0]["message"] == "hello 你好"
    assert subscribe(smn, topic, "http", web.url).status_code == 200
    smn.cancel_subscription(sdk.CancelSubscriptionRequest(made.subscription_urn))
    assert subscriptions(smn, topic) == []
    with refused(404, "SMN.0013"):
        smn.cancel_subscription(sdk.CancelSubscriptionRequest(made.subscription_urn))


def test_the_sdk_can_confirm_with_the_token(smn, topic, web):
    subscribe(smn, topic, "http", web.url)
    until(lambda: web.letters("SubscriptionConfirmation"))
    link = web.letters("SubscriptionConfirmation")[0]["subscribe_url"]
    token = re.search(r"token=([^&]+)", link)[1]

    with refused(404, "SMN.0013"):
        smn.confirm_subscription(sdk.ConfirmSubscriptionRequest(topic, web.url, "x"))
    told = smn.confirm_subscription(
        sdk.ConfirmSubscriptionRequest(topic, web.url, token)
    )

    (found,) = subscriptions(smn, topic)
    assert told.subscription_urn == found.subscription_urn
    assert found.status == 1


def test_a_subscribed_function_is_started(smn, topic, client, make):
    import huaweicloudsdkfunctiongraph.v2 as functiongraph  # noqa: PLC0415

    urn = make()
    subscribe(smn, topic, "functionstage", urn)
    structure = json.dumps({"default": "all", "functionstage": "yours"})
    publish(smn, topic, message="unused", message_structure=structure)

    request = functiongraph.ListAsyncInvocationsRequest(
        function_urn=urn, status="SUCCESS"
    )
    until(lambda: client.list_async_invocations(request).count == 1)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"message": "x" * 262_145}, "FSS.0400"),
        ({"subject": "x" * 513, "message": "x"}, "FSS.0400"),
        ({"subject": "a\r\nBcc: b@example.com", "message": "x"}, "FSS.0400"),
        ({"message": "x", "time_to_live": "86401"}, "FSS.0400"),
        ({"message": "x", "time_to_live": "soon"}, "FSS.0400"),
        ({"message_structure": '{"email": "x"}'}, "SMN.0021"),
        ({"message_structure": "["}, "SMN.0021"),
        ({"message_structure": '{"default": "\\ud800"}'}, "SMN.0021"),
        ({"message_template_name": "t", "tags": {}}, "SMN.0032"),
        ({"subject": "nothing else"}, "FSS.0400"),
        (
            {
                "message": "x",
                "message_attributes": [sdk.MessageAttribute("A b", "STRING", "x")],
            },
            "FSS.0400",
        ),
    ],
)
def test_a_message_that_is_wrong_is_refused(smn, topic, fields, code):
    with refused(400, code):
        publish(smn, topic, **fields)


@pytest.mark.parametrize(
    ("protocol", "endpoint", "code"),
    [
        ("sms", "123", "SMN.0011"),
        ("http", "http://10.0.0.1/", "SMN.0012"),
        ("http", "https://example.com/", "SMN.0012"),
        ("https", "nonsense", "SMN.0012"),
        ("email", "ops@example.com", "SMN.0012"),
        ("functionstage", "nobody", "SMN.0012"),
        ("functionstage", "urn:fss:cn-east-3:other:function:default:x", "SMN.0012"),
    ],
)
def test_a_subscriber_that_is_wrong_is_refused(smn, topic, protocol, endpoint, code):
    with refused(400, code):
        subscribe(smn, topic, protocol, endpoint)


def test_names_and_windows_that_are_wrong_are_refused(smn, known):
    with refused(400, "SMN.0002"):
        body = sdk.CreateTopicRequestBody(name="-no")
        smn.create_topic(sdk.CreateTopicRequest(body=body))
    with refused(400, "SMN.0005"):
        smn.list_topic_details(sdk.ListTopicDetailsRequest("results"))
    with refused(404, "SMN.0006"):
        other = f"urn:smn:{known['region']}:{'0' * 32}:results"
        smn.list_topic_details(sdk.ListTopicDetailsRequest(other))
    with refused(400, "SMN.0014"):
        smn.cancel_subscription(sdk.CancelSubscriptionRequest("x"))
    with refused(400, "SMN.0015"):
        smn.list_subscriptions(sdk.ListSubscriptionsRequest(offset=0, limit=101))


def test_a_topic_that_is_told_of_results_stays(smn, topic, known, client, make):
    import huaweicloudsdkfunctiongraph.v2 as functiongraph  # noqa: PLC0415

    body = functiongraph.UpdateFunctionAsyncInvokeConfigRequestBody(
        max_async_retry_attempts=0,
        max_async_event_age_in_seconds=60,
        destination_config=functiongraph.FuncAsyncDestinationConfig(
            on_success=functiongraph.FuncDestinationConfig(
                destination="SMN", param=json.dumps({"topic_urn": topic})
            )
        ),
    )
    request = functiongraph.UpdateFunctionAsyncInvokeConfigRequest(
        function_urn=make(), body=body
    )
    # The first agency may invoke functions only.
    with refused(403, "FSS.1122") as told:
        client.update_function_async_invoke_config(request)
    assert PUBLISH in told.error.error_msg


# The console as a client: another installation's SMN stands for the cloud's.


def send(reach, urn):
    version = lead(make_function(), reach, PUBLISH)
    return KINDS["SMN"].send(make_parcel(version, {"topic_urn": urn}))


def verify(reach, urn):
    version = lead(make_function(), reach, PUBLISH)
    return KINDS["SMN"].verify(json.dumps({"topic_urn": urn}), version)


@pytest.mark.django_db
def test_a_record_is_published_to_an_smn_elsewhere(engine, smn, topic, web, reach):
    subscribe(smn, topic, "http", web.url)
    until(lambda: web.letters("SubscriptionConfirmation"))
    link = web.letters("SubscriptionConfirmation")[0]["subscribe_url"]
    urllib.request.urlopen(link, timeout=10).close()
    function = make_function("teller")
    version = lead(function, reach, PUBLISH)
    param = json.dumps({"topic_urn": topic})
    target = KINDS["SMN"].read(param, version)
    assert KINDS["SMN"].verify(param, version) == ""
    make_config(function, on_success=Destined("SMN", param, target))
    accept(function)
    engine.run()

    until(lambda: web.letters())

    delivery = Delivery.objects.get()
    (letter,) = web.letters()
    assert letter["message"].encode() == bytes(delivery.record)
    assert letter["subject"] == "teller succeeded"
    assert letter["message_attributes"] == {"delivery_id": delivery.delivery_id.hex}
    assert delivery.reference == letter["message_id"]


@pytest.mark.django_db
def test_each_refusal_of_an_smn_elsewhere_has_its_sentence(known, topic, reach):
    missing = topic + "-not"
    cases = [
        (
            replace(reach, secret_key="wrong"),
            topic,
            "not accept the agency's key",
            True,
        ),
        (replace(reach, access_key=""), topic, "has no access key", True),
        (reach, missing, "has no such topic", True),
    ]
    for asked, urn, words, permanent in cases:
        with pytest.raises(DeliveryError, match=words) as refusal:
            send(asked, urn)
        assert refusal.value.permanent is permanent
    with pytest.raises(ValidationError, match="has no such topic"):
        verify(reach, missing)
    assert "key" in verify(replace(reach, secret_key="wrong"), topic)


@pytest.mark.django_db
def test_an_smn_that_is_away_or_silent_is_tried_again(
    topic, reach, settings, monkeypatch
):
    monkeypatch.setattr(cloud, "SENDING", (0.3, 0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        settings.AGENCY_HTTP_HOSTS, url = [place], f"http://{place}"
        with pytest.raises(DeliveryError, match="in time") as refusal:
            send(replace(reach, endpoints={"SMN": url}), topic)
    assert not refusal.value.permanent

    with pytest.raises(DeliveryError, match="cannot be reached") as refusal:
        send(replace(reach, endpoints={"SMN": url}), topic)
    assert not refusal.value.permanent


@pytest.mark.django_db
def test_what_answers_in_its_place_is_not_taken_for_smn(topic, reach, web, settings):
    settings.AGENCY_HTTP_HOSTS = [f"127.0.0.1:{web.server_port}"]
    with pytest.raises(DeliveryError, match="did not answer like SMN"):
        send(replace(reach, endpoints={"SMN": web.url.removesuffix("/told")}), topic)
