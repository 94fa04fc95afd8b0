"""Failures sent to RocketMQ, over the official protocol and client."""

import sys
import threading
from dataclasses import replace

import grpc
import pytest

from asyncconfig.clients import rocketmq_client
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.rocketmq import broker_of
from asyncconfig.exceptions import DeliveryError
from asyncconfig.lanes import delivering
from asyncconfig.models import Delivery
from functions.models import Version
from tests.support.factories import (
    RAISES,
    accept,
    latest,
    make_rocket_config,
    make_rocket_instance,
    make_sender,
    make_subnet,
    rocket_param,
)
from tests.support.rocketmq_broker import Broker, Code, receive

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture
def broker(settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    made = Broker()
    made.start()
    yield made
    rocketmq_client.producers.close_idle(after=0)
    made.stop()


@pytest.fixture
def instance(db, broker):
    return make_rocket_instance(
        vpc=make_subnet().vpc,
        port=broker.port,
        uses_tls=False,
        access_key="user",
        secret_key="secret",
    )


def fail_once(engine, instance, **fields):
    """Let a function fail, told to the instance; return the delivery."""
    function = make_sender(instance, source=RAISES)
    make_rocket_config(function, instance, max_retries=0, **fields)
    accept(function, b'{"aaa": "123"}')
    engine.run()
    return Delivery.objects.get()


def test_a_consumer_receives_the_record_with_keys_and_tag(engine, broker, instance):
    delivery = fail_once(engine, instance)

    (message,) = receive(broker, "orders", tag="failed")

    assert delivery.status == "DELIVERED"
    assert message.body == bytes(delivery.record)
    assert message.tag == "failed"
    assert message.keys == {
        str(delivery.delivery_id),
        str(delivery.invocation.request_id),
    }
    assert message.message_id == delivery.reference
    assert delivery.attempt_set.get().answer == (
        f"Stored as message {delivery.reference}."
    )


def test_the_place_is_the_topic_of_the_instance(instance):
    function = make_sender(instance)

    target = KINDS["RocketMQ"].read(rocket_param(instance), latest(function))

    assert (target.name, target.key) == (
        "mq/orders",
        f"{instance.instance_id}/orders",
    )


def test_a_broker_that_was_down_is_told_later_under_the_same_key(
    engine, broker, instance
):
    broker.stop()
    waiting = fail_once(engine, instance)
    broker.start()

    engine.run_out()

    (message,) = receive(broker, "orders")
    delivery = Delivery.objects.get()
    assert (waiting.status, delivery.status) == ("WAIT", "DELIVERED")
    assert "cannot be reached at 127.0.0.1" in waiting.reason
    assert str(waiting.delivery_id) in message.keys
    assert [try_.succeeded for try_ in delivery.attempt_set.all()] == [False, True]


def test_a_broker_that_goes_down_under_a_kept_producer_is_told_later(
    engine, broker, instance
):
    fail_once(engine, instance)
    broker.stop()
    accept(Version.objects.get().function)
    engine.run()
    waiting = Delivery.objects.latest("pk")
    broker.start()

    engine.run_out()

    assert (waiting.status, len(broker.messages)) == ("WAIT", 2)


def test_an_unknown_topic_is_a_dead_letter_until_it_is_made(engine, broker, instance):
    broker.topics.clear()
    dead = fail_once(engine, instance)
    broker.topics.add("orders")

    assert delivering.resend(dead, by="admin")
    # On a busy machine the broker may need more than one try, as in real life.
    engine.run_out()

    assert (dead.status, dead.reason) == (
        "FAILED",
        "RocketMQ instance mq has no topic orders. Create it there, then resend.",
    )
    resent = Delivery.objects.get()
    assert (resent.status, resent.reason) == ("DELIVERED", "")


def test_a_topic_that_goes_under_a_kept_producer_is_a_dead_letter(
    engine, broker, instance
):
    fail_once(engine, instance)
    broker.topics.clear()
    accept(Version.objects.get().function)

    engine.run()

    assert "has no topic orders" in Delivery.objects.latest("pk").reason


def test_a_wrong_secret_is_a_dead_letter_until_it_is_corrected(
    engine, broker, instance
):
    instance.secret_key = "wrong"
    instance.save()
    dead = fail_once(engine, instance)
    instance.secret_key = "secret"
    instance.save()

    delivering.resend(dead, by="admin")
    engine.run()

    assert (dead.status, dead.reason) == (
        "FAILED",
        "RocketMQ instance mq refused user user or its secret. "
        "Correct them on the instance's page, then resend.",
    )
    assert Delivery.objects.get().status == "DELIVERED"


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (Code.FORBIDDEN, "FAILED", "User user may not send to topic orders"),
        (Code.MESSAGE_BODY_TOO_LARGE, "FAILED", "too large"),
        (Code.ILLEGAL_MESSAGE_TAG, "FAILED", "refused the message"),
        (Code.TOO_MANY_REQUESTS, "WAIT", "could not take the message"),
        (Code.INTERNAL_SERVER_ERROR, "WAIT", "could not take the message"),
        (Code.PROXY_TIMEOUT, "WAIT", "did not answer within 3 s"),
    ],
)
def test_what_a_broker_answers_decides_whether_it_is_tried_again(
    engine, broker, instance, code, status, words
):
    broker.refused["orders"] = code

    delivery = fail_once(engine, instance)

    assert delivery.status == status
    assert words in delivery.reason


def test_a_slow_broker_is_given_up_on_in_time(engine, broker, instance, monkeypatch):
    monkeypatch.setattr(rocketmq_client, "TIMEOUT_SECONDS", 1)
    broker.delay = 1.3

    delivery = fail_once(engine, instance)

    assert delivery.status == "WAIT"
    assert "did not answer within 1 s" in delivery.reason


def test_a_refused_address_is_a_dead_letter(engine, broker, instance, settings):
    settings.OUTGOING_ALLOWED = []

    delivery = fail_once(engine, instance)

    assert delivery.status == "FAILED"
    assert "OUTGOING_ALLOWED" in delivery.reason
    assert broker.messages == []


def test_a_route_to_a_refused_address_is_not_followed(engine, broker, instance):
    broker.route_host = "169.254.169.254"

    delivery = fail_once(engine, instance)

    assert delivery.status == "FAILED"
    assert "169.254.169.254" in delivery.reason


def test_a_host_without_an_address_is_tried_again(engine, instance):
    instance.host = "nowhere.invalid"
    instance.save()

    delivery = fail_once(engine, instance)

    assert (delivery.status, delivery.reason) == (
        "WAIT",
        "Host nowhere.invalid is not known. Check the address.",
    )


@pytest.mark.parametrize("uses_tls", [True, False])
def test_a_name_that_leads_elsewhere_later_is_not_followed(
    broker, instance, names, monkeypatch, uses_tls
):
    """gRPC would resolve the name itself, and again whenever it connects."""
    names.answers["broker.example"] = ["127.0.0.1", "10.9.9.9"]
    made = []
    for kind in ("secure_channel", "insecure_channel"):
        real = getattr(grpc.aio, kind)

        def note(target, *args, real=real):
            made.append((target, dict(args[-1])))
            return real(target, *args)

        monkeypatch.setattr(grpc.aio, kind, note)
    told = replace(broker_of(instance), host="broker.example", uses_tls=uses_tls)
    letter = rocketmq_client.BrokerMessage("orders", b"body", ("key",))

    if uses_tls:
        with pytest.raises(DeliveryError, match="cannot be reached"):
            rocketmq_client.send(told, letter)
    else:
        rocketmq_client.send(told, letter)

    assert {target for target, _options in made} == {f"ipv4:127.0.0.1:{broker.port}"}
    name = "broker.example" if uses_tls else None
    assert made[0][1].get("grpc.ssl_target_name_override") == name
    assert names.asked == ["broker.example"]


def test_a_missing_client_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "rocketmq", None)

    with pytest.raises(DeliveryError, match="Install the extra “rocketmq”"):
        rocketmq_client.library()


def test_one_producer_serves_many_threads_and_leaves_none_behind(broker, instance):
    letters = [
        rocketmq_client.BrokerMessage("orders", b"body", (f"key{n}",)) for n in range(8)
    ]
    told = broker_of(instance)
    threads = [
        threading.Thread(target=rocketmq_client.send, args=(told, letter))
        for letter in letters
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rocketmq_client.producers.close_idle(after=0)

    left = [thread.name for thread in threading.enumerate()]
    assert len(broker.messages) == 8
    assert not [name for name in left if "schedule" in name or "callback" in name]


def test_a_proxy_that_does_not_answer_is_a_warning_when_saving(broker, instance):
    kind, version = KINDS["RocketMQ"], latest(make_sender(instance))
    answered = kind.verify(rocket_param(instance), version)
    broker.stop()

    silent = kind.verify(rocket_param(instance), version)

    assert answered == ""
    assert "does not answer at 127.0.0.1" in silent
