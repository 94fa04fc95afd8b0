"""Topics: subscribing and leaving, deleting, loops through them, and forgetting."""

from datetime import timedelta

import pytest

from asyncconfig import clock, removing
from asyncconfig.exceptions import TopicGone
from asyncconfig.models import (
    AsyncConfig,
    Delivery,
    Invocation,
    Message,
    MessageDelivery,
    Subscription,
)
from asyncconfig.services.topics import keeping, subscribing
from asyncconfig.worker import retention
from functions.exceptions import StillUsed
from tests.support.engine import states
from tests.support.factories import (
    accept,
    make_config,
    make_function,
    make_topic,
    publish,
    subscribe,
)
from tests.support.subscribers import Web, serving

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _allowed(settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    settings.PUBLIC_URL = "https://console.example"


def test_who_unsubscribes_is_owed_nothing_more(engine):
    topic = make_topic()
    subscription = subscribe(topic, "http", "http://127.0.0.1:9/x")
    publish(topic)

    subscribing.unsubscribe(subscription)

    message_delivery = MessageDelivery.objects.get()
    assert (message_delivery.status, message_delivery.subscription) == ("SKIPPED", None)
    assert message_delivery.reason == "The subscriber has unsubscribed."


@pytest.mark.parametrize("subscribers", [1, 40])
def test_publishing_takes_a_fixed_number_of_queries(subscribers, asks):
    topic = make_topic()
    for number in range(subscribers):
        subscribe(topic, "http", f"http://127.0.0.1:9/{number}")

    with asks(6):
        publish(topic)

    assert MessageDelivery.objects.count() == subscribers


def test_a_deleted_topics_messages_go_some_at_a_time(monkeypatch):
    monkeypatch.setattr(keeping, "MAX_ROWS_AT_ONCE", 2)
    topic = make_topic()
    for number in range(3):
        subscribe(topic, "http", f"http://127.0.0.1:9/{number}")
    for _turn in range(3):
        publish(topic)

    keeping.delete(topic)

    assert (Message.objects.count(), MessageDelivery.objects.count()) == (0, 0)


def test_a_deleted_function_is_no_subscriber_any_more(engine):
    topic, function = make_topic(), make_function("gone")
    subscribe(topic, "functionstage", function)
    publish(topic)

    removing.delete_function(function)
    publish(topic)
    engine.run()

    assert not Subscription.objects.exists()
    assert MessageDelivery.objects.get().reason == "Function gone was deleted."


def test_several_topics_are_held_in_the_order_of_the_couriers(engine, monkeypatch):
    function = make_function("gone")
    made = [make_topic(name) for name in ("m", "a", "z")]
    for topic in made:
        subscribe(topic, "functionstage", function)
        make_config(make_function(), on_success=topic)
    configs = AsyncConfig.objects.current().order_by("on_success_target_key")
    held = []
    monkeypatch.setattr(keeping, "hold", lambda topic: held.append(topic.urn))

    removing.delete_function(function)

    assert held == list(configs.values_list("on_success_target_key", flat=True))


def test_a_topic_that_is_a_target_cannot_be_deleted(engine):
    topic, function = make_topic("used"), make_function("teller")
    make_config(function, on_failure=topic)

    with pytest.raises(StillUsed, match="teller"):
        keeping.delete(topic)

    make_config(function)
    keeping.delete(topic)
    with pytest.raises(TopicGone):
        publish(topic)


def test_a_topic_deleted_while_its_message_is_sent_harms_nothing(engine):
    topic, other = make_topic(), make_topic()
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        subscribe(other, "http", web.url + "2")
        publish(topic)
        publish(other)
        claims = engine.claim(engine.notify)
        keeping.delete(topic)
        engine.settle([(one, engine.notify.run(one)) for one in claims], engine.notify)

    assert len(claims) == 2
    assert MessageDelivery.objects.get().status == "DELIVERED"


def test_a_target_topic_that_is_gone_is_a_dead_letter(engine):
    topic, function = make_topic("gone"), make_function()
    make_config(function, on_success=topic)
    accept(function)
    topic.delete()

    engine.run()

    delivery = Delivery.objects.get()
    assert delivery.status == "FAILED"
    assert delivery.reason == "Topic gone does not exist."


def test_a_loop_through_a_topic_is_stopped(engine, settings):
    settings.ASYNC_MAX_HOPS = 3
    topic, function = make_topic("t"), make_function("f")
    subscribe(topic, "functionstage", function)
    make_config(function, on_success=topic, on_failure=topic)
    first = accept(function)

    engine.run()

    assert states() == ["SUCCESS"] * 3 + ["DISCARD"]
    last = Invocation.objects.order_by("pk").last()
    assert last.root_id == first.request_id
    assert last.error.startswith("f → SMN t → f")
    # The topic is told of the stop; the function behind it is not started by that.
    assert MessageDelivery.objects.order_by("pk").last().status == "SKIPPED"


def test_old_messages_are_forgotten_and_open_ones_kept(engine, settings):
    topic = make_topic()
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        publish(topic)
        subscribe(topic, "http", web.url + "2", confirmed=False)
        engine.run()
    subscribe(topic, "http", "http://127.0.0.1:9/x")
    kept = publish(topic)

    clock.shift(timedelta(days=settings.RETENTION_DAYS + 1).total_seconds())

    retention.retire()
    assert Message.objects.get() == kept
    assert MessageDelivery.objects.count() == 2


def test_a_url_that_is_refused_by_now_keeps_no_message_from_others(engine):
    topic, function = make_topic(), make_function()
    subscribe(topic, "functionstage", function)
    subscribe(topic, "http", "http://127.0.0.1:9/x")
    topic.subscriptions.filter(protocol="http").update(endpoint="http://a b/")

    publish(topic)
    engine.run()

    told = dict(MessageDelivery.objects.values_list("protocol", "status"))
    assert told == {"functionstage": "DELIVERED", "http": "FAILED"}
