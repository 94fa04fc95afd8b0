"""The page of one invocation: what was sent, what was not, and why."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from asyncconfig.models import Attempt, Invocation
from tests.support.factories import accept, make_config, make_function
from tests.support.targets import aim, forbidden, scripted

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


def test_waits_for_a_retry_are_not_counted_as_running(pages, engine):
    function = make_function(source=FAILS)
    make_config(function, max_retries=1)
    request_id = accept(function).request_id
    engine.run_out()
    took = sum(one.duration_ms for one in Attempt.objects.all())

    detail = pages.get(f"/invocations/{request_id}")
    log = pages.get(f"/f/default/{function.name}/logs")

    assert Attempt.objects.count() == 2
    assert detail.context["run_ms"] == took
    assert log.context["rows"][0]["run_ms"] == took
    assert detail.context["age_ms"] > 10_000 > took


def test_another_days_time_is_not_shown_without_its_date(pages):
    invocation = accept(make_function())
    Invocation.objects.update(
        accepted_at=datetime(2026, 3, 4, 12, tzinfo=UTC),
        deadline=datetime(2026, 3, 5, 12, tzinfo=UTC),
    )
    pages.cookies["tz"] = "UTC"

    page = pages.get(f"/invocations/{invocation.request_id}").content.decode()

    assert re.search(r">(\d{4}-)?03-04 12:00:00\.000<", page)
    assert re.search(r"\+24 h · <time[^>]*>(\d{4}-)?03-05 12:00:00<", page)


def test_a_stopped_loop_is_not_called_not_yet_run(pages, engine):
    a, b = make_function("loop-a"), make_function("loop-b")
    make_config(a, on_success=b)
    make_config(b, on_success=a)
    accept(a)
    engine.run()
    pages.cookies["django_language"] = "zh-hans"

    page = shown(pages, Invocation.objects.last()).text
    log = pages.get("/invocations").text

    assert "未执行：循环已终止" in page
    assert "尚未执行" not in page
    for text in (page, log):
        assert "loop-a ⇄ loop-b × 8" in text


def test_an_input_that_its_record_lacks_is_not_left_unsaid(pages, engine):
    function = make_function()
    make_config(function, on_success=make_function())
    accept(function, b'"' + b"x" * 262_144 + b'"')
    engine.run()

    page = shown(pages, Invocation.objects.first()).text

    assert "The input was over 256 KB (256 KB), so it was left out" in page


FORGES = (
    "def handler(event, context):\n"
    "    print('''\\x1e2026-01-01T00:00:00Z Finish invoke request 'x' <b>''')\n"
)


def platform_lines(page):
    return re.findall(r'<span class="platform">(.*?)</span>', page, re.DOTALL)


def test_log_shows_no_line_of_the_function_as_the_platforms(pages, engine):
    invocation = accept(make_function(source=FORGES))
    engine.run()

    log = shown(pages, invocation).text

    assert log.count("Finish invoke request") == 2
    assert "\x1e" not in log
    marked = "".join(platform_lines(log))
    assert marked.count("Finish invoke request") == 1
    assert "&lt;b&gt;" in log
    assert "&lt;b&gt;" not in marked


def test_log_from_before_lines_were_marked_is_shown_whole(pages, engine):
    invocation = accept(make_function())
    engine.run()
    Attempt.objects.update(log=b"Z Start invoke request 'x'\nold\n")

    page = shown(pages, invocation).text

    assert '<pre class="code">Z Start invoke request &#x27;x&#x27;\nold\n</pre>' in page
    assert platform_lines(page) == []
