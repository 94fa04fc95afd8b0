"""The four checks of a RocketMQ destination, in both languages."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from asyncconfig.config import saving
from asyncconfig.models import Delivery, InboundRule
from asyncconfig.services.rocketmq import network
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
from tests.support.rocketmq_checks import CHECKS, ENGLISH, LANGUAGES, spoil

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance(db):
    return make_rocket_instance(vpc=make_subnet().vpc)


@pytest.fixture
def function(instance):
    return make_sender(instance, name="test1", source=RAISES)


def test_nothing_is_refused_when_all_fits(instance, function):
    assert network.refusals(latest(function), instance) == []


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("language", "sentences"), LANGUAGES)
def test_each_check_says_in_both_languages_why_it_cannot_be_saved(
    instance, function, settings, check, language, sentences
):
    spoil(check, function=function, instance=instance, settings=settings)

    with translation.override(language), pytest.raises(ValidationError) as refused:
        saving.destine(latest(function), "failure", "RocketMQ", rocket_param(instance))

    assert refused.value.messages == [sentences[check]]


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_ends_a_delivery_as_a_dead_letter(
    engine, instance, function, settings, check
):
    make_rocket_config(function, instance, max_retries=0)
    accept(function)
    spoil(check, function=function, instance=instance, settings=settings)

    engine.run()

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == ("FAILED", ENGLISH[check])
    assert delivery.attempts == 1


@pytest.mark.parametrize(
    ("rule", "is_open"),
    [
        ({}, True),
        ({"first_port": 8000, "last_port": 8080}, False),
        ({"first_port": 8081, "last_port": 9000}, True),
        ({"source": "10.0.1.0/24"}, True),
        ({"source": "10.0.0.0/8"}, True),
        ({"source": "10.0.1.0/25"}, False),
        ({"source": "::/0"}, False),
    ],
)
def test_a_rule_must_open_the_port_to_the_whole_subnet(rule, is_open):
    subnet = make_subnet()
    told = {"first_port": 8081, "last_port": 8081, "source": "0.0.0.0/0"} | rule

    assert network.lets_in(InboundRule(**told), subnet, 8081) is is_open


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_rocketmq_is_refused_for_success_with_its_own_sentence(
    instance, function, language
):
    with translation.override(language), pytest.raises(ValidationError) as refused:
        saving.destine(latest(function), "success", "RocketMQ", rocket_param(instance))

    assert refused.value.messages == [
        {
            "en": "RocketMQ can be chosen for failure notification only.",
            "zh-hans": "RocketMQ 仅支持失败时通知。",
        }[language]
    ]


@pytest.mark.parametrize(
    "param",
    [
        "",
        "[]",
        "{}",
        "no json",
        '{"instance_id": 1, "topic": "orders"}',
        '{"instance_id": "x", "topic": "orders"}',
        '{"instance_id": "00000000-0000-4000-8000-000000000000", "topic": "t"}',
        '{"instance_id": {"a": []}, "topic": ["b"], "tag": 3}',
    ],
)
def test_a_wrong_param_is_refused(instance, function, param):
    with pytest.raises(ValidationError) as refused:
        saving.destine(latest(function), "failure", "RocketMQ", param)

    assert refused.value.messages == ["Choose a RocketMQ instance and topic."]


@pytest.mark.parametrize("tag", ["a|b", "two words", "x" * 129, "\x00"])
def test_a_tag_that_rocketmq_refuses_is_refused(instance, function, tag):
    param = rocket_param(instance, tag=tag)

    with pytest.raises(ValidationError, match="1–128 characters"):
        saving.destine(latest(function), "failure", "RocketMQ", param)


def test_a_topic_that_is_not_listed_is_refused(instance, function):
    param = rocket_param(instance, topic="other")

    with pytest.raises(ValidationError, match="Topic other is not listed"):
        saving.destine(latest(function), "failure", "RocketMQ", param)


def test_a_right_taken_away_is_a_dead_letter_with_its_action(
    engine, instance, function
):
    make_rocket_config(function, instance, max_retries=0)
    accept(function)
    agency = latest(function).agency
    agency.actions = []
    agency.save()

    engine.run()

    assert "rocketmq:topic:send" in Delivery.objects.get().reason
