"""What a double click, or two requests at one moment, must not do."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from tests.support.installation import Person

pytestmark = pytest.mark.browser
HELLO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def person(installation):
    made = Person(installation)
    for name in ("order-ship", "audit-log"):
        made.create(name, HELLO)
    return made


def runs_of(person, name):
    page = person.get(f"/f/default/{name}/logs?range=1d")
    return set(re.findall(r'id="inv-([0-9a-f-]{36})"', page))


def test_the_runner_does_not_run_the_function_it_showed_before(
    signed_in, installation, person
):
    page = signed_in("en")
    page.goto(f"{installation.url}/run?fn=default/order-ship")

    with page.expect_response(lambda answer: answer.url.endswith("/run")):
        page.select_option("#function", "default/audit-log")
    expect(page).to_have_url(re.compile("fn=default/audit-log"))
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.locator("#result")).to_contain_text("202 Accepted")
    assert (len(runs_of(person, "audit-log")), runs_of(person, "order-ship")) == (
        1,
        set(),
    )


def test_a_chosen_event_is_shown_before_it_runs(signed_in, installation, person):
    person.post("/f/default/order-ship/events", name="full", content='{"n": 7}')
    page = signed_in("en")
    page.goto(f"{installation.url}/run?fn=default/order-ship")

    page.locator("#event").focus()
    page.select_option("#event", "full")

    expect(page.locator("#body")).to_have_value('{"n": 7}')
    expect(page.locator("#event")).to_be_focused()
    expect(page).to_have_url(re.compile("event=full"))


def test_a_double_click_does_not_run_twice(signed_in, installation, person):
    before = runs_of(person, "order-ship")
    page = signed_in("en")
    page.goto(f"{installation.url}/run?fn=default/order-ship")
    key = page.locator("#choices").locator("xpath=..").locator("[name=once]")
    first = key.input_value()

    page.get_by_role("button", name="Run", exact=True).dblclick()
    expect(page.locator("#result")).to_contain_text("202 Accepted")

    assert len(runs_of(person, "order-ship") - before) == 1
    assert key.input_value() != first
    # The answer brought another key: the next click is a run of its own.
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Run", exact=True).click()
    assert len(runs_of(person, "order-ship") - before) == 2


def test_a_rerun_clicked_twice_is_not_two(signed_in, installation, person):
    request_id = person.run("order-ship")
    before = runs_of(person, "order-ship")
    page = signed_in("en")
    page.goto(f"{installation.url}/invocations/{request_id}")

    page.get_by_role("button", name="Rerun").dblclick()
    page.wait_for_url(lambda url: request_id not in url)

    assert len(runs_of(person, "order-ship") - before) == 1


def test_a_button_keeps_the_focus_while_its_answer_is_awaited(
    signed_in, installation, person
):
    page = signed_in("en")
    page.goto(f"{installation.url}/run?fn=default/order-ship")
    held = []
    page.route("**/run", lambda route: held.append(route))
    button = page.get_by_role("button", name="Run", exact=True)

    button.press("Enter")

    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_be_focused()
    held[0].abort()
    expect(button).not_to_have_attribute("aria-busy", "true")


def test_forms_sent_at_the_same_moment_are_one_run(installation, person):
    before = runs_of(person, "audit-log")
    fields = {
        "function": "default/audit-log",
        "qualifier": "latest",
        "mode": "async",
        "body": '{"same": true}',
        "once": "the-same-key",
    }

    with ThreadPoolExecutor(6) as pool:
        pages = list(pool.map(lambda _n: person.post("/run", **fields)[1], range(6)))

    named = {re.search(r"/invocations/([0-9a-f-]{36})", page)[1] for page in pages}
    assert len(named) == 1
    assert runs_of(person, "audit-log") - before == named


@pytest.mark.parametrize("action", ["switch", "template"])
def test_a_choice_that_others_depend_on_is_never_left_half_made(
    signed_in, installation, person, action
):
    page = signed_in("en")
    if action == "template":
        page.goto(f"{installation.url}/f/default/audit-log/events")
        page.fill("#id_name", "mine")
        page.select_option("#template", "timer")
        expect(page.locator("#id_content")).to_have_value(re.compile("version"))
        expect(page.locator("#id_name")).to_have_value("mine")
        return
    person.post("/f/default/audit-log/settings/versions", name="v1", description="")
    page.goto(f"{installation.url}/f/default/audit-log/code")
    page.select_option("#qualifier", "v1")
    page.wait_for_url("**/code?v=v1")
    expect(page.locator("main")).to_contain_text("Version v1 is read-only")


def test_without_javascript_what_is_chosen_runs_too(browser, installation, person):
    before = runs_of(person, "audit-log"), runs_of(person, "order-ship")
    context = browser.new_context(
        java_script_enabled=False, extra_http_headers={"Accept-Language": "en"}
    )
    page, known = context.new_page(), installation.credentials
    page.goto(f"{installation.url}/login")
    page.fill("#username", known["username"])
    page.fill("#password", known["password"])
    page.press("#password", "Enter")
    page.goto(f"{installation.url}/run?fn=default/order-ship")
    page.fill("#body", '{"typed": 1}')

    page.select_option("#function", "default/audit-log")
    page.get_by_role("button", name="Load").click()
    expect(page.locator("#body")).to_have_value('{"typed": 1}')
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#result")).to_contain_text("202 Accepted")

    assert len(runs_of(person, "audit-log") - before[0]) == 1
    assert runs_of(person, "order-ship") == before[1]
    page.reload()  # which sends the form again
    expect(page.locator("#result")).to_contain_text("202 Accepted")
    assert len(runs_of(person, "audit-log") - before[0]) == 1
    context.close()
