"""The page of one invocation: what was sent, what was not, and why."""

import re

import pytest
from django.urls import reverse

from tests.factories import accept, make_config, make_function
from tests.targets import aim, forbidden, scripted

pytestmark = pytest.mark.django_db

FAILS = "def handler(event, context):\n    raise ValueError('no')\n"


def shown(pages, invocation):
    return pages.get(reverse("invocation", args=[invocation.request_id]))


@pytest.mark.parametrize(
    ("fields", "side", "sentence"),
    [
        ({}, "failure", "(the run succeeded)"),
        ({"source": FAILS}, "success", "(the run failed)"),
    ],
)
def test_the_side_that_did_not_fire_says_why(pages, engine, fields, side, sentence):
    function = make_function("teller", **fields)
    targets = {"success": make_function("good"), "failure": make_function("bad")}
    make_config(
        function,
        on_success=targets["success"],
        on_failure=targets["failure"],
        max_retries=0,
    )
    invocation = accept(function)
    waiting = shown(pages, invocation)
    engine.run()

    page = shown(pages, invocation)

    assert waiting.context["passed_over"] == []
    passed = page.context["passed_over"]
    assert [(one["side"], targets[side].name in one["target"]) for one in passed] == [
        (side, True)
    ]
    assert "Not sent" in page.text
    assert sentence in page.text


def test_a_side_without_a_target_is_no_line(pages, engine):
    function = make_function("teller")
    make_config(function, on_success=make_function("good"))
    invocation = accept(function)
    engine.run()

    page = shown(pages, invocation)

    assert "Not sent" not in page.text


def test_the_reason_of_a_dead_letter_stands_there_once(pages, engine, monkeypatch):
    target = scripted(monkeypatch)
    target.trouble = forbidden()
    function = make_function("teller")
    aim(function, target)
    invocation = accept(function)
    engine.run()

    sentences = re.sub(r"<[^>]*>", "", shown(pages, invocation).text)

    assert sentences.count("The target refuses this key.") == 1
