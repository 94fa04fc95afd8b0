"""RocketMQ instances on their pages, and in the dialog."""

import json

import pytest
from django.urls import reverse

from asyncconfig.models import AsyncConfig, Delivery, InboundRule, RocketInstance
from console import access
from console.models import AccessKey
from tests.support.factories import (
    RAISES,
    accept,
    make_project,
    make_rocket_config,
    make_rocket_instance,
    make_sender,
    make_subnet,
    make_user,
    rocket_param,
)
from tests.support.rocketmq_checks import CHECKS, LANGUAGES, spoil
from tests.support.signer import Signer

pytestmark = pytest.mark.django_db


@pytest.fixture
def subnet(project):
    return make_subnet(project=project)


@pytest.fixture
def instance(subnet):
    return make_rocket_instance(vpc=subnet.vpc)


def fields(network, **changed):
    return {
        "name": "mq",
        "host": "10.0.1.20",
        "port": "8081",
        "uses_tls": "on",
        "vpc": str(network.vpc_id),
        "access_key": "user",
        "secret_key": "very secret",
        **changed,
    }


def at(instance, name="instance", *more):
    return reverse(f"rocketmq-{name}", args=[instance.instance_id, *more])


def dead_letters(engine, instance, *, number=1, **told):
    """Make dead letters: the instance's address is one that is refused."""
    function = make_sender(instance, source=RAISES)
    make_rocket_config(function, instance, max_retries=0, **told)
    for _n in range(number):
        accept(function)
    engine.run()
    return function


def test_an_instance_is_created_changed_and_deleted(pages, subnet):
    made = pages.post("/services/rocketmq/new", fields(subnet.vpc))
    instance = RocketInstance.objects.get()
    pages.post(at(instance, "edit"), fields(subnet.vpc, port="9000", secret_key=""))
    instance.refresh_from_db()
    shown = pages.get(at(instance, "edit"))
    deleted = pages.post(at(instance, "delete"))

    assert made.url == at(instance)
    assert (instance.port, instance.secret_key) == (9000, "very secret")
    assert "very secret" not in shown.text
    assert deleted.url == "/services/rocketmq"
    assert not RocketInstance.objects.exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "Fill this in."),
        ({"name": "a b"}, "1–64 letters, digits"),
        ({"host": "http://mq"}, "Write a host name or an IPv4 address"),
        ({"host": "::1"}, "Write a host name or an IPv4 address"),
        ({"host": "127.0.0.1"}, "an address of this machine or its link"),
        ({"host": "localhost"}, "an address of this machine or its link"),
        ({"host": "169.254.169.254"}, "an address of this machine or its link"),
        ({"port": "0"}, "Enter a whole number from 1 to 65535."),
        ({"port": "x"}, "Enter a whole number from 1 to 65535."),
        ({"vpc": ""}, "Choose a VPC."),
        ({"vpc": "x"}, "Choose a VPC from the list."),
        ({"secret_key": ""}, "Enter the secret of user user."),
    ],
)
def test_a_wrong_instance_is_refused(pages, subnet, changed, sentence):
    response = pages.post("/services/rocketmq/new", fields(subnet.vpc, **changed))

    assert response.status_code == 422
    assert sentence in response.text
    assert not RocketInstance.objects.exists()


def test_a_new_user_needs_a_new_secret(pages, subnet):
    pages.post("/services/rocketmq/new", fields(subnet.vpc))
    instance = RocketInstance.objects.get()

    response = pages.post(
        at(instance, "edit"), fields(subnet.vpc, access_key="other", secret_key="")
    )

    assert response.status_code == 422
    assert "Enter the secret of user other." in response.text


def test_topics_and_rules_are_added_and_removed(pages, instance):
    pages.post(at(instance, "topics"), {"topic": "bills"})
    pages.post(at(instance, "topic-delete", "orders"))
    pages.post(
        at(instance, "rules"),
        {"first_port": "80", "last_port": "90", "source": "10.0.1.7"},
    )
    first, added = InboundRule.objects.order_by("pk")
    pages.post(at(instance, "rule-delete", first.pk))

    instance.refresh_from_db()
    assert instance.topics == ["bills"]
    assert str(added) == "80–90 10.0.1.7/32"
    assert InboundRule.objects.get() == added


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("topics", {"topic": ""}, "Fill this in."),
        ("topics", {"topic": "a b"}, "1–127 letters"),
        ("topics", {"topic": "orders"}, "Topic orders is already listed."),
        (
            "rules",
            {"first_port": "9", "last_port": "8", "source": "10.0.0.0/8"},
            "last",
        ),
        ("rules", {"first_port": "8", "last_port": "9", "source": "x"}, "x is not an"),
        ("rules", {}, "Enter a whole number from 1 to 65535."),
    ],
)
def test_wrong_topics_and_rules_are_refused(pages, instance, name, data, sentence):
    response = pages.post(at(instance, name), data)

    assert response.status_code == 422
    assert sentence in response.text


def test_what_a_configuration_tells_is_not_deleted(pages, instance):
    make_rocket_config(make_sender(instance, name="test1"), instance)

    whole = pages.post(at(instance, "delete"), follow=True)
    topic = pages.post(at(instance, "topic-delete", "orders"), follow=True)

    assert whole.status_code == 409
    assert "/f/default/test1/settings/async" in whole.text
    sentence = (
        "test1:latest send their failures to orders. Change their configuration first."
    )
    assert sentence in topic.text
    assert RocketInstance.objects.get().topics == ["orders"]


def test_messages_link_to_their_invocations_and_are_paged(engine, pages, instance):
    dead_letters(engine, instance, number=52)
    newest, oldest = Delivery.objects.latest("pk"), Delivery.objects.earliest("pk")

    first = pages.get(at(instance))
    second = pages.get(f"{at(instance)}?before={first.context['page'].older}")

    link = reverse("invocation", args=[newest.invocation.request_id])
    assert f'href="{link}"' in first.text
    assert str(newest.delivery_id) in first.text
    assert "failed" in first.text
    assert str(oldest.delivery_id) not in first.text
    assert str(oldest.delivery_id) in second.text


def test_the_list_says_who_uses_an_instance_and_what_was_sent(engine, pages, instance):
    function = dead_letters(engine, instance, number=2)

    (row,) = pages.get("/services/rocketmq").context["rows"]

    assert [version.function for version in row["uses"]] == [function]
    assert row["counts"] == {"sent": 2, "dead": 2}


@pytest.mark.parametrize("rows", [1, 3])
def test_the_pages_have_a_fixed_number_of_queries(engine, pages, subnet, rows, asks):
    for number in range(rows):
        instance = make_rocket_instance(f"mq{number}", vpc=subnet.vpc)
        dead_letters(engine, instance, number=rows)

    # PostgreSQL is asked for the time as well.
    with asks(7):
        pages.get("/services/rocketmq")
    with asks(10):
        pages.get(at(instance))


def test_instances_of_others_do_not_exist(client, instance):
    client.force_login(make_user(group=access.ADMINISTRATOR, project=make_project()))

    answers = [
        client.get(at(instance)),
        client.get(at(instance, "edit")),
        client.post(at(instance, "delete")),
        client.post(at(instance, "topics"), {"topic": "a"}),
        client.post(at(instance, "topic-delete", "orders")),
        client.post(at(instance, "rules"), {}),
        client.post(at(instance, "rule-delete", 1)),
    ]

    assert [answer.status_code for answer in answers] == [404] * 7
    assert client.get("/services/rocketmq").context["rows"] == []


def test_a_reader_looks_and_changes_nothing(client, project, instance):
    client.force_login(make_user(group=access.READER, project=project))

    refused = [
        client.get("/services/rocketmq/new"),
        client.get(at(instance, "edit")),
        client.post(at(instance, "delete")),
        client.post(at(instance, "topics"), {"topic": "a"}),
    ]

    assert client.get(at(instance)).status_code == 200
    assert [answer.status_code for answer in refused] == [403] * 4


# The dialog.


def dialog(function, page="edit"):
    return reverse(f"function-async-{page}", args=["default", function.name])


def told(instance, **changed):
    return {
        "max_retries": "1",
        "max_age_seconds": "3600",
        "success_kind": "",
        "failure_kind": "RocketMQ",
        "failure-instance": str(instance.instance_id),
        "failure-topic": "orders",
        "failure-tag": "failed",
        "revision": "0",
        **changed,
    }


def test_the_dialog_saves_an_instance_and_topic(pages, instance):
    function = make_sender(instance)

    response = pages.post(dialog(function), told(instance))

    config = AsyncConfig.objects.get()
    assert response.status_code == 302
    assert config.on_failure_target == "mq/orders"
    assert config.on_failure_target_key == f"{instance.instance_id}/orders"
    assert "mq/orders" in pages.get(dialog(function)[: -len("/edit")]).text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"failure-instance": ""}, "Choose a RocketMQ instance and topic."),
        ({"failure-instance": "x"}, "Choose a RocketMQ instance and topic."),
        ({"failure-topic": "other"}, "Choose a RocketMQ instance and topic."),
        ({"failure-tag": "a|b"}, "A tag has 1–128 characters"),
        ({"success_kind": "RocketMQ"}, "RocketMQ can be chosen for failure"),
    ],
)
def test_the_dialog_refuses_what_cannot_be_sent(pages, instance, changed, sentence):
    function = make_sender(instance)

    response = pages.post(dialog(function), told(instance, **changed))

    assert response.status_code == 422
    assert sentence in response.text
    assert not AsyncConfig.objects.exists()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("language", "sentences"), LANGUAGES)
def test_the_dialog_shows_a_failed_check_beside_the_field_and_live(
    pages, instance, settings, check, language, sentences
):
    function = make_sender(instance, name="test1")
    spoil(check, function=function, instance=instance, settings=settings)
    pages.cookies["django_language"] = language

    saved = pages.post(dialog(function), told(instance))
    live = pages.post(dialog(function, "preview"), told(instance))

    assert saved.status_code == 422
    assert saved.context["form"].params["failure"].errors["instance"] == [
        sentences[check]
    ]
    assert sentences[check] in live.text


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("language", "sentences"), LANGUAGES)
def test_the_api_answers_a_failed_check_with_its_sentence(
    client, project, instance, settings, check, language, sentences
):
    function = make_sender(instance, name="test1")
    spoil(check, function=function, instance=instance, settings=settings)
    user = make_user(group=access.ADMINISTRATOR, project=project)
    sender = Signer(client, AccessKey.objects.create(user=user))

    answer = put(sender, function, "on_failure", rocket_param(instance), language)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "FSS.0400")
    assert answer.json()["error_msg"] == f"on_failure: {sentences[check]}"


def test_the_api_refuses_rocketmq_for_success_and_takes_it_for_failure(
    client, project, instance
):
    function = make_sender(instance)
    user = make_user(group=access.ADMINISTRATOR, project=project)
    sender = Signer(client, AccessKey.objects.create(user=user))
    param = rocket_param(instance)

    refused = put(sender, function, "on_success", param, "en")
    saved = put(sender, function, "on_failure", param, "en")

    assert refused.status_code == 400
    assert refused.json()["error_msg"] == (
        "on_success: RocketMQ can be chosen for failure notification only."
    )
    assert saved.json()["destination_config"] == {
        "on_failure": {"destination": "RocketMQ", "param": param}
    }


def put(sender, function, side, param, language):
    """Put an async configuration as API clients do."""
    project_id = function.project.project_id
    path = f"/v2/{project_id}/fgs/functions/{function.urn('latest')}"
    body = {"destination_config": {side: {"destination": "RocketMQ", "param": param}}}
    return sender.send(
        "PUT",
        f"{path}/async-invoke-config",
        json.dumps(body).encode(),
        accept_language=language,
    )


def test_the_parameters_show_both_vpcs_and_the_instances_topics(pages, instance):
    function = make_sender(instance, name="test1")
    url = reverse("function-async-params", args=["default", "test1", "failure"])

    shown = pages.post(url, told(instance))
    opened = pages.get(dialog(function))

    assert '<option value="orders" selected>orders</option>' in shown.text
    assert (
        "test1 is in VPC net (10.0.0.0/16), instance mq in VPC net (10.0.0.0/16)."
        in shown.text
    )
    assert "RocketMQ can be chosen for failure notification only." in opened.text
    assert "Beta" in opened.text


def test_another_projects_instance_cannot_be_chosen(pages, instance):
    function = make_sender(instance)
    foreign = make_rocket_instance(vpc=make_subnet(project=make_project()).vpc)

    response = pages.post(dialog(function), told(foreign))

    assert response.status_code == 422
    assert not AsyncConfig.objects.exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_open_in_both_languages(engine, pages, instance, language):
    function = dead_letters(engine, instance)
    pages.cookies["django_language"] = language

    answers = [
        pages.get("/services/rocketmq"),
        pages.get("/services/rocketmq/new"),
        pages.get(at(instance)),
        pages.get(at(instance, "edit")),
        pages.get("/services/networks"),
        pages.get(reverse("network", args=[instance.vpc.vpc_id])),
        pages.get(reverse("function-network", args=["default", function.name])),
    ]

    assert [answer.status_code for answer in answers] == [200] * 7
