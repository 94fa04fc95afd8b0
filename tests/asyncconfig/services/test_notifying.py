"""Messages of topics on their way to subscribers that really receive them."""

import json
from itertools import pairwise

import pytest

from asyncconfig import clock
from asyncconfig.lanes import messaging
from asyncconfig.models import (
    Delivery,
    Invocation,
    Message,
    MessageDelivery,
    Subscription,
)
from asyncconfig.reports import balancing
from asyncconfig.services.topics import subscribing
from asyncconfig.worker import sweep
from tests.support.engine import record_received_by
from tests.support.factories import (
    RAISES,
    accept,
    make_config,
    make_function,
    make_topic,
    publish,
    subscribe,
)
from tests.support.subscribers import Mail, Web, serving

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _allowed(settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    settings.PUBLIC_URL = "https://console.example"


@pytest.fixture
def mail(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with serving(Mail()) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def test_a_web_subscriber_receives_what_smn_would_send(engine):
    topic = make_topic("news")
    with serving(Web()) as web:
        subscription = subscribe(topic, "http", web.url)
        message = publish(topic, "héllo", subject="Hi")
        engine.run()

    ((headers, body),) = web.received
    assert headers["X-SMN-MESSAGE-TYPE"] == "Notification"
    assert headers["X-SMN-MESSAGE-ID"] == message.message_id.hex
    assert headers["X-SMN-TOPIC-URN"] == topic.urn
    assert headers["X-SMN-SUBSCRIPTION-URN"] == subscription.urn
    assert body.pop("unsubscribe_url").startswith("https://console.example/smn/")
    assert body == {
        "type": "Notification",
        "topic_urn": topic.urn,
        "message_id": message.message_id.hex,
        "message": "héllo",
        "subject": "Hi",
        "timestamp": f"{message.created_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    message_delivery = MessageDelivery.objects.get()
    assert (message_delivery.status, message_delivery.attempt_set.get().answer) == (
        "DELIVERED",
        "HTTP 200. thanks",
    )


def test_a_mail_subscriber_receives_it(engine, mail):
    topic = make_topic("news")
    subscribe(topic, "email", "ops@example.com")
    publish(topic, "你好\n.dot", subject="Alarm ⚠")

    engine.run()

    (received,) = mail.received
    assert received["Subject"] == "Alarm ⚠"
    assert received["To"] == "ops@example.com"
    assert "news" in received["From"]
    assert received.get_content().startswith("你好\n.dot\n")
    assert "unsubscribe?token=" in received["List-Unsubscribe"]


@pytest.mark.parametrize("part", ["subject", "display_name"])
def test_no_header_can_be_slipped_into_a_mail(engine, mail, part):
    topic = make_topic("news")
    evil = "Hi\r\nBcc: victim@example.com\n\nbody"
    if part == "display_name":
        topic.display_name = evil
        topic.save()
    subscribe(topic, "email", "ops@example.com")
    publish(topic, subject=evil if part == "subject" else "")

    engine.run()

    (received,) = mail.received
    assert received["Bcc"] is None
    assert received["Subject"] == " ".join(evil.split())


def test_a_refused_address_is_a_dead_letter_and_a_full_one_is_not(engine, mail):
    topic = make_topic()
    subscribe(topic, "email", "ops@example.com")
    mail.refusal = "452 mailbox is full"
    publish(topic)
    engine.run()
    first = MessageDelivery.objects.get()
    mail.refusal = "550 no such user"

    clock.shift(6)
    engine.run()

    assert (first.status, first.attempts) == ("WAIT", 1)
    first.refresh_from_db()
    assert first.status == "FAILED"
    assert first.reason == "The mail server refused it: 550 no such user"


def test_a_mail_server_that_is_away_is_tried_again(engine, settings, mail):
    topic = make_topic()
    subscribe(topic, "email", "ops@example.com")
    publish(topic)
    settings.EMAIL_PORT = 1

    engine.run()
    waiting = MessageDelivery.objects.get()
    settings.EMAIL_PORT = mail.port
    clock.shift(6)
    engine.run()

    assert (waiting.status, waiting.reason) == (
        "WAIT",
        "The mail server cannot be reached: Connection refused.",
    )
    assert len(mail.received) == 1


def test_an_invitation_is_sent_durably_and_nothing_else_before(engine, mail):
    topic = make_topic("news")
    with serving(Web()) as web:
        subscribe(topic, "http", web.url, confirmed=False)
        subscribe(topic, "email", "ops@example.com", confirmed=False)
        publish(topic)
        engine.run()

    ((headers, body),) = web.received
    assert headers["X-SMN-MESSAGE-TYPE"] == body["type"] == "SubscriptionConfirmation"
    token = Subscription.objects.get(protocol="http").token
    assert f"/smn/subscription/confirm?token={token}&" in body["subscribe_url"]
    (received,) = mail.received
    assert "邀请" in received.get_content() or "invited" in received.get_content()
    assert "confirm?token=" in received.get_content()


def test_asking_again_makes_the_old_link_void(engine):
    topic = make_topic()
    with serving(Web()) as web:
        made = subscribe(topic, "http", web.url, confirmed=False)
        engine.run()
        assert subscribing.ask_again(made, by="admin")
        engine.run()

    links = [body["subscribe_url"] for _headers, body in web.received]
    assert len(set(links)) == 2
    assert subscribing.find_by_token(made.token) is None
    subscribing.confirm(made)
    assert not subscribing.ask_again(made, by="admin")


def test_each_protocol_gets_its_own_text(engine, mail):
    topic = make_topic()
    function = make_function()
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        subscribe(topic, "email", "ops@example.com")
        subscribe(topic, "functionstage", function)
        texts = {"default": "all", "email": "mail", "sms": "short"}
        publish(topic, "all", structure=texts)
        engine.run()

    assert web.received[0][1]["message"] == "all"
    assert mail.received[0].get_content().startswith("mail\n")
    event = record_received_by(function)
    assert event["record"][0]["smn"]["message"] == "all"


def test_a_function_gets_the_event_of_smn(engine):
    topic = make_topic("news")
    function = make_function("listener")
    subscription = subscribe(topic, "functionstage", function)
    assert subscription.is_confirmed
    message = publish(topic, "hi", subject="s", attributes={"colour": "red"})

    engine.run()

    event = record_received_by(function)
    (record,) = event["record"]
    assert list(event) == ["record", "functionname", "requestId", "timestamp"]
    assert event["functionname"] == "listener"
    assert record["event_source"] == "smn"
    assert record["event_subscription_urn"] == subscription.urn
    assert record["smn"] == {
        "topic_urn": topic.urn,
        "timestamp": f"{message.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "message_attributes": {"colour": "red"},
        "message": "hi",
        "type": "notification",
        "message_id": message.message_id.hex,
        "subject": "s",
    }
    assert MessageDelivery.objects.get().child == Invocation.objects.get()


def test_a_function_is_started_exactly_once(engine):
    """The notifier dies after its claim, and settles late all the same."""
    topic = make_topic()
    function = make_function()
    subscribe(topic, "functionstage", function)
    publish(topic)
    (first,) = engine.claim(engine.notify)
    MessageDelivery.objects.update(status="WAIT", worker=None, epoch=first.epoch + 1)
    (second,) = engine.claim(engine.notify)

    engine.settle([(first, None), (second, None)], engine.notify)
    engine.run()

    assert Invocation.objects.filter(function=function).count() == 1
    tries = MessageDelivery.objects.get().attempt_set.all()
    assert [one.is_late for one in tries] == [True, False]


def test_a_record_is_published_exactly_once(engine):
    """The courier dies between publishing and settling: both are one transaction."""
    topic, listener = make_topic(), make_function()
    subscribe(topic, "functionstage", listener)
    function = make_function()
    make_config(function, on_success=topic)
    accept(function)
    engine.settle([(one, engine.invoke.run(one)) for one in engine.claim()])
    (first,) = engine.claim(engine.deliver)
    Delivery.objects.update(status="WAIT", worker=None, epoch=first.epoch + 1)
    (second,) = engine.claim(engine.deliver)

    engine.settle([(first, None), (second, None)], engine.deliver)
    engine.run()

    assert Message.objects.count() == 1
    assert Invocation.objects.filter(function=listener).count() == 1
    assert Delivery.objects.get().reference == Message.objects.get().message_id.hex


def test_a_dead_notifiers_message_is_sent_by_another(engine):
    topic = make_topic()
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        publish(topic)
        engine.claim(engine.notify)
        clock.shift(11)
        sweep.sweep()
        engine.run()

    assert len(web.letters()) == 1
    assert MessageDelivery.objects.get().status == "DELIVERED"


def test_success_and_failure_reach_the_subscribers_byte_for_byte(engine, mail):
    topic = make_topic("results")
    good, bad = make_function("good"), make_function("bad", source=RAISES)
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        subscribe(topic, "email", "ops@example.com")
        for function in (good, bad):
            make_config(function, max_retries=0, on_success=topic, on_failure=topic)
            accept(function, '{"名": "123"}'.encode())
        engine.run()

    sent = {body["subject"]: body for body in web.letters()}
    assert set(sent) == {"good succeeded", "bad failed"}
    for delivery in Delivery.objects.select_related("function"):
        body = next(b for s, b in sent.items() if s.startswith(delivery.function.name))
        assert body["message"].encode() == bytes(delivery.record)
        assert body["message_attributes"] == {"delivery_id": delivery.delivery_id.hex}
        assert delivery.target_key.endswith(topic.urn)
    assert {one["Subject"] for one in mail.received} == set(sent)
    assert balancing.balance().drift == 0


def test_a_record_over_256_kb_arrives_without_its_payloads(engine):
    topic = make_topic()
    source = "def handler(event, context):\n    return 'x' * 200_000\n"
    function = make_function(source=source)
    make_config(function, on_success=topic)
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        accept(function, b'{"text": "' + b"y" * 200_000 + b'"}')
        engine.run()

    record = json.loads(web.letters()[0]["message"])
    assert record["payloads_omitted"] is True
    assert record["request_payload"] == record["response_payload"] == ""
    assert Delivery.objects.get().is_emptied


def test_a_dead_subscriber_is_tried_with_back_off_until_the_deadline(engine):
    topic = make_topic()
    with serving(Web(status=503, body=b"not now")) as web:
        subscribe(topic, "http", web.url)
        publish(topic, life=60)
        engine.run_out()

    message_delivery = MessageDelivery.objects.get()
    tries = list(message_delivery.attempt_set.values_list("started_at", flat=True))
    waits = [round((b - a).total_seconds()) for a, b in pairwise(tries)]
    assert message_delivery.status == "FAILED"
    assert message_delivery.reason == "HTTP 503. not now Given up after 4 tries."
    assert waits == [5, 10, 20]
    assert message_delivery.finished_at <= message_delivery.deadline


@pytest.mark.parametrize(("status", "ends"), [(404, True), (302, True), (429, False)])
def test_what_a_subscriber_will_never_take_ends_at_once(engine, status, ends):
    topic = make_topic()
    with serving(Web(status=status)) as web:
        subscribe(topic, "http", web.url)
        publish(topic)
        engine.run()

    assert MessageDelivery.objects.get().status == ("FAILED" if ends else "WAIT")


def test_an_address_that_became_private_is_a_dead_letter(engine, settings):
    topic = make_topic()
    subscribe(topic, "http", "http://127.0.0.1:9/x")
    settings.OUTGOING_ALLOWED = []
    publish(topic)

    engine.run()

    message_delivery = MessageDelivery.objects.get()
    assert message_delivery.status == "FAILED"
    assert "OUTGOING_ALLOWED" in message_delivery.reason


def test_a_dead_letter_can_be_sent_again_after_the_repair(engine):
    topic = make_topic()
    with serving(Web(status=404)) as web:
        subscribe(topic, "http", web.url)
        publish(topic)
        engine.run()
        web.status = 200
        assert messaging.resend(MessageDelivery.objects.get(), by="admin")
        engine.run()

    message_delivery = MessageDelivery.objects.get()
    assert (message_delivery.status, message_delivery.attempts) == ("DELIVERED", 2)
    assert len({body["message_id"] for body in web.letters()}) == 1
    assert not messaging.resend(message_delivery, by="admin")


def test_one_slow_subscriber_does_not_hold_another(engine, settings):
    settings.DELIVERY_SLOTS_PER_TARGET = 2
    topic = make_topic()
    subscribe(topic, "http", "http://127.0.0.1:9/slow")
    fast = subscribe(topic, "http", "http://127.0.0.1:10/fast")
    for _turn in range(5):
        publish(topic)

    claimed = [claim.row for claim in engine.claim(engine.notify)]

    assert sum(row.subscription_id == fast.pk for row in claimed) == 2


def test_a_message_is_not_sent_after_its_time_to_live(engine):
    topic = make_topic()
    with serving(Web()) as web:
        subscribe(topic, "http", web.url)
        publish(topic, life=60)
        clock.shift(61)
        engine.run()

    assert web.received == []
    assert "time to live" in MessageDelivery.objects.get().reason
