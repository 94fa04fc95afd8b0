"""Topics, subscriptions and messages on their pages; and subscribers' links."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from asyncconfig.decisions import loops
from asyncconfig.destinations import KINDS
from asyncconfig.models import (
    AsyncConfig,
    Message,
    MessageDelivery,
    Subscription,
    Topic,
)
from asyncconfig.services.topics import subscribing
from console import access
from functions.models.agency import PUBLISH
from tests.support.factories import (
    accept,
    allow,
    make_config,
    make_function,
    make_project,
    make_topic,
    make_user,
    publish,
    subscribe,
)
from tests.support.subscribers import Web, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(pages, settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    return pages


def url(name, topic, *more):
    return reverse(name, args=[topic.name, *more])


def test_a_topic_is_created_listed_and_deleted(pages):
    assert "No topics yet." in pages.get("/services/topics").text

    made = pages.post("/services/new-topic", {"name": "new", "display_name": "N"})
    again = pages.post("/services/new-topic", {"name": "new"})
    topic = Topic.objects.get()
    publish(topic)

    assert made.url == "/services/topics/new"
    assert again.status_code == 422
    assert "A topic with this name already exists." in again.text
    row = pages.get("/services/topics").context["rows"][0]
    assert (row["recent"], row["uses"]) == (1, [])
    assert "1 subscription" not in pages.get(url("topic-delete", topic)).text
    pages.post(url("topic-delete", topic))
    assert not Topic.objects.exists()


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 256, "é", "a\n"])
def test_a_name_that_is_none_is_refused(pages, name):
    page = pages.post("/services/new-topic", {"name": name})

    assert page.status_code == 422
    assert "Start with a letter or digit." in page.text


def test_messages_of_yesterday_are_not_counted(pages):
    topic = make_topic()
    old = publish(topic)
    Message.objects.filter(pk=old.pk).update(
        created_at=old.created_at - timedelta(hours=25)
    )
    publish(topic)

    assert pages.get("/services/topics").context["rows"][0]["recent"] == 1


def test_a_used_topic_names_its_users_and_stays(pages):
    topic, function = make_topic(), make_function("teller")
    make_config(function, on_success=topic)

    listed = pages.get("/services/topics").text
    refused = pages.post(url("topic-delete", topic))

    assert reverse("function-async", args=["default", "teller"]) in listed
    assert refused.status_code == 409
    assert "Choose another target for them first:" in refused.text
    assert reverse("function-async", args=["default", "teller"]) in refused.text
    assert Topic.objects.exists()


def test_a_url_is_subscribed_and_waits_for_its_confirmation(pages):
    topic = make_topic()

    pages.post(
        url("topic-subscribe", topic),
        {"protocol": "http", "endpoint": "http://127.0.0.1:9/x", "remark": "r"},
    )

    page = pages.get(url("topic", topic)).text
    assert "Not confirmed" in page
    assert "Send link again" in page
    invited = MessageDelivery.objects.get()
    assert (invited.message, invited.status) == (None, "WAIT")


@pytest.mark.parametrize(
    ("protocol", "endpoint", "sentence"),
    [
        ("http", "http://10.0.0.1/", "10.0.0.1 is a private or reserved address"),
        ("https", "http://127.0.0.1/", "begins with https://."),
        ("http", "nonsense", "begins with http:// or https://"),
        ("http", "", "Write where messages are sent."),
        ("email", "ops@example.com", "No mail server is set."),
        ("functionstage", "nobody", "Function nobody no longer exists."),
        ("sms", "1", "Choose one of http"),
    ],
)
def test_an_endpoint_that_is_wrong_has_its_sentence(
    pages, protocol, endpoint, sentence
):
    topic = make_topic()

    page = pages.post(
        url("topic-subscribe", topic), {"protocol": protocol, "endpoint": endpoint}
    )

    assert page.status_code == 422
    assert sentence in page.text
    assert not Subscription.objects.exists()


def test_a_function_of_another_project_cannot_be_subscribed(pages):
    topic = make_topic()
    other = make_function("theirs", project=make_project("other"))

    for endpoint in (other.urn(), "theirs"):
        page = pages.post(
            url("topic-subscribe", topic),
            {"protocol": "functionstage", "endpoint": endpoint},
        )
        assert page.status_code == 422


def test_a_loop_is_shown_and_exactly_its_path_accepted(pages, settings):
    topic, function = make_topic("t"), make_function("f")
    make_config(function, on_success=topic)
    asked = {"protocol": "functionstage", "endpoint": "f"}
    digest = loops.digest(subscribing.loops_of(topic, function))

    shown = pages.post(url("topic-subscribe", topic), asked)
    wrong = pages.post(url("topic-subscribe", topic), asked | {"accepted_loop": "x"})
    settings.ASYNC_LOOPS = "refuse"
    accepted = asked | {"accepted_loop": digest}
    refused = pages.post(url("topic-subscribe", topic), accepted)
    settings.ASYNC_LOOPS = "accept"
    done = pages.post(url("topic-subscribe", topic), accepted)

    assert "SMN t ─subscription→ f ─✓→ SMN t" in shown.text
    assert (shown.status_code, wrong.status_code) == (422, 422)
    assert "Loops are not allowed here." in refused.text
    assert done.status_code == 302
    assert Subscription.objects.get().is_confirmed
    assert "in a loop" in pages.get("/functions").text


def test_the_dialog_of_a_function_offers_topics_and_sees_the_loop(pages):
    topic, function = make_topic("t"), make_function("f")
    subscribe(topic, "functionstage", function)
    allow(function, PUBLISH)
    edit = reverse("function-async-edit", args=["default", "f"])
    asked = {
        "max_retries": "0",
        "max_age_seconds": "60",
        "revision": "0",
        "success_kind": "SMN",
        "success-topic_urn": topic.urn,
    }

    opened = pages.post(
        reverse("function-async-params", args=["default", "f", "success"]),
        asked | {"success-topic_urn": ""},
    )
    empty = pages.post(edit, asked | {"success-topic_urn": ""})
    looping = pages.post(edit, asked)
    digest = loops.digest(looping.context["form"].paths)
    saved = pages.post(edit, asked | {"accepted_loop": digest})

    assert f'<option value="{topic.urn}">t</option>' in opened.text
    assert "Choose a topic." in empty.text
    assert "f ─✓→ SMN t ─subscription→ f" in looping.text
    assert saved.status_code == 302
    config = AsyncConfig.objects.get()
    assert json.loads(config.on_success_param) == {"topic_urn": topic.urn}
    assert config.on_success_target_key == topic.urn


def test_a_topic_without_subscribers_is_a_warning(project):
    topic, function = make_topic("t"), make_function()
    config = make_config(function, on_success=topic)
    version = config.version
    kind = KINDS["SMN"]

    warned = kind.read(config.on_success_param, version).warnings
    form = kind.form(version, data={"topic_urn": topic.urn})
    assert "so nobody receives its messages" in warned[0]
    assert form.note() == "0 confirmed subscriptions."

    subscribe(topic, "functionstage", make_function())
    assert kind.read(config.on_success_param, version).warnings == ()
    assert form.note() == "1 confirmed subscription."


def test_a_message_is_published_by_hand_and_seen(pages, engine):
    topic, function = make_topic(), make_function("listener")
    subscribe(topic, "functionstage", function)

    made = pages.post(
        url("topic-publish", topic), {"subject": "Hi", "message": "<b>x</b>"}
    )
    engine.run()

    message = Message.objects.get()
    assert made.url == url("message", topic, message.message_id)
    page = pages.get(made.url).text
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    child = MessageDelivery.objects.get().child
    assert reverse("invocation", args=[child.request_id]) in page
    assert "1 Delivered" in pages.get(url("topic", topic)).text
    assert made.url in pages.get(reverse("invocation", args=[child.request_id])).text


def test_a_message_links_back_to_its_invocation(pages, engine):
    topic, function, listener = make_topic(), make_function(), make_function()
    subscribe(topic, "functionstage", listener)
    make_config(function, on_success=topic)
    invocation = accept(function)
    engine.run()

    link = reverse("invocation", args=[invocation.request_id])
    message = Message.objects.get()
    chain = pages.get(reverse("invocation-chain", args=[invocation.request_id])).text
    assert str(MessageDelivery.objects.get().child.request_id) in chain

    assert link in pages.get(url("topic", topic)).text
    assert link in pages.get(url("message", topic, message.message_id)).text
    assert url("message", topic, message.message_id) in pages.get(link).text


def test_a_dead_letter_shows_its_tries_and_is_sent_again(pages, engine):
    topic = make_topic()
    with serving(Web(status=404, body=b"who?")) as web:
        subscribe(topic, "http", web.url)
        subscribe(topic, "http", web.url + "2")
        message = publish(topic)
        engine.run()
        page = pages.get(url("message", topic, message.message_id)).text
        web.status = 200
        first = MessageDelivery.objects.first()
        pages.post(reverse("message-delivery-resend", args=[first.delivery_id]))
        pages.post(url("message-resend", topic, message.message_id))
        engine.run()

        page_after = pages.get(url("message", topic, message.message_id)).text

    assert page.count("HTTP 404. who?") == 4
    assert (page.count("automatic"), page.count("re-sent by user")) == (2, 0)
    assert (page_after.count("automatic"), page_after.count("re-sent by user")) == (
        2,
        2,
    )
    assert {one.status for one in MessageDelivery.objects.all()} == {"DELIVERED"}
    again = pages.post(
        reverse("message-delivery-resend", args=[first.delivery_id]), follow=True
    )
    assert "This message has already been delivered." in again.text


def test_the_list_and_the_message_agree_on_a_subscriber_tried_before(pages):
    topic = make_topic()
    subscribe(topic, "http", "http://127.0.0.1:9/")
    message = publish(topic)
    MessageDelivery.objects.update(attempts=4)

    listed = pages.get(url("topic", topic))
    opened = pages.get(url("message", topic, message.message_id))

    assert "1 Retrying delivery" in listed.text
    assert "Pending</span>" not in listed.text
    assert listed.context["is_moving"]
    assert opened.context["rows"][0]["state"].key == "retrying"


def test_a_subscription_is_removed(pages):
    topic = make_topic()
    made = subscribe(topic, "http", "http://127.0.0.1:9/x")

    assert (
        made.endpoint
        in pages.get(url("subscription-remove", topic, made.subscription_id)).text
    )
    pages.post(url("subscription-remove", topic, made.subscription_id))

    assert not Subscription.objects.exists()


def test_lists_are_paged_with_a_fixed_number_of_queries(pages, asks):
    topic = make_topic()
    for number in range(60):
        subscribe(topic, "http", f"http://127.0.0.1:9/{number}")
        make_topic(f"t{number}")
    for _turn in range(52):
        message = publish(topic)

    with asks(7):
        first = pages.get("/services/topics")
    with asks(10):
        shown = pages.get(url("topic", topic))
    with asks(9):
        detail = pages.get(url("message", topic, message.message_id))

    assert len(first.context["rows"]) == len(shown.context["rows"]) == 50
    assert len(detail.context["rows"]) == 50
    older = pages.get("/services/topics", {"before": first.context["page"].older})
    assert len(older.context["rows"]) == 11
    page = shown.context["page"]
    assert len(pages.get(url("topic", topic), {"before": page.older}).context["rows"])
    assert pages.get(url("topic", topic), {"before": "'x"}).status_code == 200


def test_another_projects_topics_do_not_exist(pages):
    other = make_topic(project=make_project("other"))
    made = subscribe(other, "http", "http://127.0.0.1:9/x")
    message = publish(other)
    message_delivery = MessageDelivery.objects.get()

    for name, *more in (
        ("topic",),
        ("topic-delete",),
        ("topic-subscribe",),
        ("topic-publish",),
        ("message", message.message_id),
        ("subscription-remove", made.subscription_id),
    ):
        assert pages.get(url(name, other, *more)).status_code == 404, name
    for address in (
        url("subscription-ask", other, made.subscription_id),
        url("message-resend", other, message.message_id),
        reverse("message-delivery-resend", args=[message_delivery.delivery_id]),
    ):
        assert pages.post(address).status_code == 404, address


def test_a_reader_sees_and_changes_nothing(client, project):
    topic = make_topic()
    message = publish(topic)
    client.force_login(make_user(group=access.READER, project=project))

    assert client.get("/services/topics").status_code == 200
    assert client.get(url("topic", topic)).status_code == 200
    assert client.get(url("message", topic, message.message_id)).status_code == 200
    for address in (
        "/services/new-topic",
        url("topic-delete", topic),
        url("topic-subscribe", topic),
        url("topic-publish", topic),
        url("message-resend", topic, message.message_id),
    ):
        assert client.post(address).status_code == 403, address


def test_a_topics_name_is_not_labelled_as_a_functions(pages):
    pages.cookies["django_language"] = "zh-hans"

    page = pages.get("/services/new-topic").text

    assert "主题名称</label>" in page
    assert "函数名称" not in page
