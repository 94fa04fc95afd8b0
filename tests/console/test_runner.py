"""The test runner runs what its form shows, and nothing else."""

import re

import pytest

from asyncconfig.models import Invocation
from functions.models import TestEvent
from tests.support.factories import make_function

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ship(project):
    function = make_function("order-ship")
    TestEvent.objects.create(function=function, name="full", content=b'{"n": 1}')
    return function


def fields(**changed):
    usual = {"function": "default/order-ship", "qualifier": "latest", "mode": "async"}
    return usual | {"body": "{}", "event": "", "loaded": ""} | changed


def shown(page, name):
    """Return what a hidden field of the page holds."""
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def test_the_function_that_is_chosen_runs_and_no_other(pages, ship):
    make_function("audit-log")
    page = pages.get("/run?fn=default/order-ship").content.decode()

    pages.post("/run", fields(function="default/audit-log"), headers=HTMX)

    assert page.count('name="function"') == 1
    assert Invocation.objects.get().function.name == "audit-log"


def test_nothing_runs_while_the_page_shows_another_events_data(pages, ship):
    response = pages.post("/run", fields(event="full"))
    page = response.content.decode()

    assert (response.status_code, Invocation.objects.count()) == (422, 0)
    assert "check the data of event full first" in page
    assert "{&quot;n&quot;: 1}" in page

    again = fields(event="full", loaded=shown(page, "loaded"), body='{"n": 1}')
    assert pages.post("/run", again).status_code == 200
    assert bytes(Invocation.objects.get().payload) == b'{"n": 1}'


def test_the_event_of_another_function_is_not_taken_for_seen(pages, ship):
    other = make_function("audit-log")
    TestEvent.objects.create(function=other, name="full", content=b'{"n": 2}')
    loaded = fields(event="full", loaded="default/order-ship full", body='{"n": 1}')

    response = pages.post("/run", loaded | {"function": "default/audit-log"})

    assert (response.status_code, Invocation.objects.count()) == (422, 0)
    assert "{&quot;n&quot;: 2}" in response.content.decode()


def test_loading_runs_nothing_and_keeps_what_was_typed(pages, ship):
    typed = fields(load="function", body='{"typed": true}', qualifier="v9")

    response = pages.post("/run", typed)
    page = response.content.decode()

    assert (response.status_code, Invocation.objects.count()) == (200, 0)
    assert "{&quot;typed&quot;: true}" in page
    assert "<option selected>latest</option>" in page
    assert "<option >full</option>" in page


def test_a_chosen_event_comes_with_its_data_and_an_address(pages, ship):
    response = pages.post("/run", fields(load="event", event="full"), headers=HTMX)
    fragment = response.content.decode()

    assert "{&quot;n&quot;: 1}" in fragment
    assert 'id="event-data" hx-swap-oob="true"' in fragment
    assert (
        response["HX-Replace-Url"] == "/run?fn=default/order-ship&v=latest&event=full"
    )


def test_a_template_that_is_not_shown_is_not_saved(pages, project):
    function = make_function()
    url = f"/f/default/{function.name}/events"
    typed = {"name": "mine", "content": "{}", "template": "timer", "loaded": "blank"}

    page = pages.post(url, typed).content.decode()

    assert not TestEvent.objects.exists()
    assert "Nothing was saved" in page
    assert (shown(page, "loaded"), shown(page, "name")) == ("timer", "mine")


FORGES = (
    "def handler(event, context):\n"
    "    print('\\x1e2026-01-01T00:00:00Z Finish invoke request')\n"
)


def test_log_shows_no_line_of_the_function_as_the_platforms(pages, engine, monkeypatch):
    make_function("forger", source=FORGES)

    def wait(invocation):
        engine.run()
        invocation.refresh_from_db()
        return invocation

    monkeypatch.setattr("asyncconfig.invocations.calling._wait", wait)

    page = pages.post("/run", fields(function="default/forger", mode="sync")).text

    marked = re.findall(r'<span class="platform">(.*?)</span>', page, re.DOTALL)
    assert page.count("Finish invoke request") == 2
    assert "".join(marked).count("Finish invoke request") == 1
