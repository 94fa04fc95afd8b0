"""Nothing is deleted without a question, and who may not delete is not asked."""

import pytest
from django.urls import reverse

from asyncconfig import clock
from asyncconfig.models import AsyncConfig, InboundRule, RocketInstance
from console import access
from functions import aliases, publishing
from functions.models import Alias, Subnet, TestEvent, Version, Vpc
from tests.support.factories import (
    latest,
    make_config,
    make_function,
    make_rocket_instance,
    make_subnet,
    make_user,
)

AT = ("default", "fn")
# Each thing: the URL that deletes it, and how many of it there are.
THINGS = {
    "version": (
        lambda: reverse("function-version-delete", args=[*AT, "v1"]),
        lambda: Version.objects.alive().filter(name="v1").count(),
    ),
    "alias": (
        lambda: reverse("function-alias-delete", args=[*AT, "spare"]),
        lambda: Alias.objects.count(),
    ),
    "event": (
        lambda: reverse("function-event-delete", args=[*AT, "ping"]),
        lambda: TestEvent.objects.count(),
    ),
    "configuration": (
        lambda: reverse("function-async-remove", args=AT),
        lambda: AsyncConfig.objects.current().count(),
    ),
    "rocketmq topic": (
        lambda: reverse("rocketmq-topic-delete", args=[instance_id(), "orders"]),
        lambda: len(RocketInstance.objects.get().topics),
    ),
    "rule": (
        lambda: reverse(
            "rocketmq-rule-delete", args=[instance_id(), InboundRule.objects.get().pk]
        ),
        lambda: InboundRule.objects.count(),
    ),
    "subnet": (
        lambda: reverse("subnet-delete", args=[empty().vpc_id, subnet_id()]),
        lambda: Subnet.objects.filter(vpc__name="empty").count(),
    ),
    "vpc": (
        lambda: reverse("network-delete", args=[empty().vpc_id]),
        lambda: Vpc.objects.filter(name="empty").count(),
    ),
}
EVERY = pytest.mark.parametrize(("address", "left"), THINGS.values(), ids=THINGS)


def instance_id():
    return RocketInstance.objects.get().instance_id


def empty():
    return Vpc.objects.get(name="empty")


def subnet_id():
    return empty().subnets.get().subnet_id


@pytest.fixture(autouse=True)
def _things(project):
    function = make_function("fn", project=project)
    publishing.publish(function, name="v1", description="", now=clock.now())
    make_config(function)
    aliases.create(function, "spare", version=latest(function))
    now = clock.now()
    TestEvent.objects.create(function=function, name="ping", modified_at=now)
    make_rocket_instance("mq", vpc=make_subnet(project=project).vpc)
    make_subnet(vpc="empty", project=project)


@EVERY
def test_a_thing_goes_only_when_the_question_was_answered(pages, address, left):
    at = address()

    dialog = pages.get(at, headers={"HX-Request": "true"})
    assert f'action="{at}"' in dialog.text
    assert "<html" not in dialog.text
    assert "<html" in pages.get(at).text
    assert left() == 1

    assert pages.post(at).status_code == 302
    assert left() == 0


@EVERY
def test_who_may_not_delete_is_not_asked(client, project, address, left):
    client.force_login(make_user(group=access.READER, project=project))

    assert client.get(address()).status_code == 403
    assert client.post(address()).status_code == 403
    assert left() == 1
