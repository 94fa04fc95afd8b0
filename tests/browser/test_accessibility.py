"""Axe on every page with something on it; each kind of target without JavaScript."""

import re
from urllib.error import HTTPError

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.installation import Person, until

pytestmark = pytest.mark.browser

SETTINGS = "/f/default/speaker/settings"
# As long as names become where a team's and a task's stand in them.
LONG = "payments-orders-settlement-nightly-retry-job"
LONG_SETTINGS = f"/f/default/{LONG}/settings"
FAILS = "def handler(event, context):\n    return 1 / len(event)\n"
LISTS = [
    "/functions",
    "/services/buckets",
    "/services/streams",
    "/services/topics",
    "/services/rocketmq",
    "/services/networks",
    "/agencies",
    "/deliveries",
    "/operator/deliveries",
    "/access-keys",
    "/api-explorer",
    "/welcome",
]
DETAILS = [
    f"{SETTINGS}/async",
    f"{SETTINGS}/permissions",
    f"{SETTINGS}/network",
    "/services/buckets/new-life",
    "/services/streams/flow",
    "/services/topics/news",
    "/agencies/1",
    "/invocations",
    f"{LONG_SETTINGS}/async",
    f"{LONG_SETTINGS}/permissions",
    f"/f/default/{LONG}/logs",
]
DIALOGS = [
    f"{SETTINGS}/async/edit",
    "/services/buckets/new-life/delete",
    f"{SETTINGS}/async/remove",
    "/services/streams/flow/records",
    "/services/topics/news/subscribe",
    "/services/networks/new",
]
# What is wider than the box that holds it: columns and words that nobody sees.
CUT_OFF = """[...document.querySelectorAll(".table-wrap, .card.flush, .dialog-body")]
    .filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => `${one.innerText.slice(0, 80)}: ${one.scrollWidth}`)"""
# A kind, the fields that its dialog asks for in this order, what the summary says.
KINDS = [
    ("success", "FunctionGraph", {"function": "listener"}, "listener:latest"),
    ("success", "OBS", {"bucket": "new-life"}, "new-life"),
    ("success", "DIS", {"stream": "flow"}, "flow"),
    ("success", "SMN", {"topic_urn": "news"}, "news"),
    ("failure", "RocketMQ", {"instance": "queue", "topic": "late"}, "queue/late"),
]


@pytest.fixture(scope="module")
def furnished(installation):
    """Fill the installation; return the pages of its network and its broker."""
    person = Person(installation)
    for name in ("speaker", "listener"):
        person.create(name, "def handler(event, context):\n    return 'hello'\n")
    person.create(LONG, FAILS)
    until(lambda: _has_bucket(person))
    person.post("/services/new-stream", name="flow", partitions=2, retention_hours=24)
    person.post("/services/new-topic", name="news", display_name="News")
    listens = {"protocol": "functionstage", "endpoint": "listener"}
    person.post("/services/topics/news/subscribe", **listens)
    allowed = re.findall(r'name="actions" value="([^"]+)"', person.get("/agencies/1"))
    person.post("/agencies/1", actions=allowed)
    network, broker = _connect(person, installation.url)
    _notify(person, broker)
    _make_broker(person, installation.url, LONG, "10.1.0.0/16")
    return [network, broker]


def _has_bucket(person):
    """Create the bucket; False while the store of objects is still starting."""
    try:
        person.post("/services/new-bucket", name="new-life")
    except HTTPError:
        return False
    return True


def _connect(person, base):
    """Put the functions into a subnet of a VPC that has a RocketMQ instance."""
    vpc, broker = _make_broker(person, base, "queue", "10.0.0.0/16")
    network = f"/services/networks/{vpc}"
    person.post(f"{network}/subnets/new", name="part", cidr="10.0.1.0/24")
    found = re.findall(r'value="([0-9a-f-]{36})"', person.get(f"{SETTINGS}/network"))
    subnet = next(one for one in found if one != vpc)
    for settings in (SETTINGS, LONG_SETTINGS):
        person.post(f"{settings}/network", access="on", vpc=vpc, subnet=subnet)
    person.post(f"{broker}/topics", topic="late")
    _let_in(person, broker)
    return network, broker


def _make_broker(person, base, name, cidr):
    """Create a RocketMQ instance in a VPC; return the VPC's ID and its page."""
    made, _page = person.post("/services/networks/new", name=name, cidr=cidr)
    vpc = made.rpartition("/")[2]
    where = {"host": "10.0.0.9", "port": 8081, "vpc": vpc}
    made, _page = person.post("/services/rocketmq/new", name=name, **where)
    return vpc, made.removeprefix(base)


def _let_in(person, broker):
    ports = {"first_port": 8081, "last_port": 8081}
    person.post(f"{broker}/rules", **ports, source="10.0.0.0/16")


def _notify(person, broker):
    """Let a function of a long name tell a topic, and fail to tell the broker."""
    person.post(f"{broker}/topics", topic=f"{LONG}-failed")
    told = {"success_kind": "SMN", "success-topic_urn": _urn_of(person, "news")}
    told |= {"failure_kind": "RocketMQ", "failure-instance": broker.rpartition("/")[2]}
    told |= {"failure-topic": f"{LONG}-failed", "failure-tag": "settlement-failed"}
    person.configure(LONG, **told)
    # Let in no more, so that it fails at once.
    person.post(f"{broker}/rules/1/delete")
    person.run(LONG, "[1]")
    person.run(LONG, "[]")
    until(lambda: LONG in person.get("/services/topics/news"))
    until(lambda: "/resend?" in person.get(broker))
    _let_in(person, broker)


def _urn_of(person, topic):
    return re.search(r"urn:smn:[^<\"]+", person.get(f"/services/topics/{topic}"))[0]


def violations(page):
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(signed_in, installation, furnished, theme):
    page = signed_in("zh-CN" if theme == "dark" else "en")
    page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
    asks = [f"{address}/delete" for address in furnished]
    for address in [*LISTS, *DETAILS, *DIALOGS, *furnished, *asks]:
        page.goto(installation.url + address)
        assert violations(page) == [], address


def test_axe_finds_nothing_in_the_open_dialog(signed_in, installation, furnished):
    page = signed_in("en")
    page.goto(f"{installation.url}{SETTINGS}/async")
    page.locator("#async-card .actions .primary").click()
    for side, kind, _fields, _said in KINDS:
        page.check(f"#{side} input[value='{kind}']", force=True)
        expect(page.locator(f"#params-{side} .field").first).to_be_visible()
        assert violations(page) == [], kind
    page.locator("dialog .dialog-foot .primary").click()
    expect(page.locator("dialog .summary-errors")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_a_phone(signed_in, installation, furnished, width):
    page = signed_in("en")
    page.set_viewport_size({"width": width, "height": 844})
    asks = ["/agencies/1/delete", *(f"{address}/delete" for address in furnished)]
    for address in [*LISTS, *DETAILS, *DIALOGS, *furnished, *asks]:
        page.goto(installation.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert page.evaluate(CUT_OFF) == [], address


@pytest.fixture
def plain(browser, installation):
    """A person without JavaScript, signed in."""
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    known = installation.credentials
    page.goto(f"{installation.url}/login")
    page.fill("#username", known["username"])
    page.fill("#password", known["password"])
    page.get_by_role("button", name="Sign in").click()
    yield page
    context.close()


@pytest.mark.parametrize(("side", "kind", "fields", "said"), KINDS)
def test_each_kind_is_configured_without_javascript(
    plain, installation, furnished, side, kind, fields, said
):
    plain.goto(f"{installation.url}{SETTINGS}/async/edit")
    plain.check(f"#{side} input[value='{kind}']", force=True)
    for name, label in fields.items():
        plain.get_by_role("button", name="Recheck").click()
        chosen = plain.locator(f"select[name='{side}-{name}']")
        option = chosen.locator("option", has_text=label).first
        chosen.select_option(option.get_attribute("value"))
    plain.get_by_role("button", name="OK", exact=True).click()
    expect(plain.locator("#async-card")).to_contain_text(said)


def test_buttons_that_need_a_script_are_hidden_without(
    plain, signed_in, installation, furnished
):
    address = f"{installation.url}{SETTINGS}/async/edit"
    inert = "[data-step], [data-set], [data-copy]"
    scripted = signed_in("en")
    scripted.goto(address)
    plain.goto(address)

    expect(scripted.locator("[data-step]").first).to_be_visible()
    assert plain.locator(inert).count()
    assert plain.locator(inert).filter(visible=True).count() == 0


def test_things_are_made_and_deleted_without_javascript(plain, installation):
    for create, delete, name in [
        ("/services/new-bucket", "/services/buckets/short-lived", "bucket"),
        ("/services/new-stream", "/services/streams/short-lived", "stream"),
        ("/services/new-topic", "/services/topics/short-lived", "topic"),
        ("/services/networks/new", None, "VPC"),
    ]:
        plain.goto(installation.url + create)
        plain.fill("#id_name", "short-lived")
        if delete is None:
            plain.fill("#id_cidr", "10.9.0.0/16")
        plain.get_by_role("button", name="Create", exact=True).click()
        expect(plain.locator("h1")).to_contain_text("short-lived")
        plain.get_by_role("link", name="Delete", exact=True).click()
        plain.get_by_role("button", name=f"Delete {name}").click()
        expect(plain.locator(".toast")).to_contain_text("short-lived")
