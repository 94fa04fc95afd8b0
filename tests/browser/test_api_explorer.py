"""The guide's way through the API explorer, and a key that is shown once."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.installation import Person

pytestmark = pytest.mark.browser
LOGS = "import json\n\ndef handler(event, context):\n    print(json.dumps(event))\n"
WORDS = {
    "en": {"debug": "Debug", "open": "Open invocation", "succeeded": "Succeeded"},
    "zh-CN": {"debug": "调试", "open": "查看调用", "succeeded": "执行成功"},
}


@pytest.mark.parametrize(("locale", "name"), [("en", "test2e"), ("zh-CN", "test2z")])
def test_a_function_is_run_from_the_explorer(signed_in, installation, locale, name):
    Person(installation).create(name, LOGS)
    page, words = signed_in(locale), WORDS[locale]

    page.goto(f"{installation.url}/functions")
    page.locator("nav.sidebar a[href='/api-explorer']").click()
    page.locator("nav a[href*='operation=AsyncInvokeFunction']").click()
    urn = page.locator(f"datalist option[value$=':{name}:latest']")
    page.fill("#p-function_urn", urn.get_attribute("value"))
    page.fill("input[name=key]", "aaa")
    page.fill("input[name=value]", "123")
    page.get_by_role("button", name=words["debug"]).click()

    expect(page.locator("#answer")).to_contain_text("202 Accepted")
    expect(page.locator("#answer")).to_contain_text('{"aaa":"123"}')
    request_id = re.search(r"[0-9a-f-]{36}", page.locator("#answer").inner_text())[0]
    page.goto(f"{installation.url}/f/default/{name}/logs")
    row = page.locator("tr", has_text=request_id[:8]).first
    expect(row).to_contain_text(words["succeeded"], timeout=10_000)
    page.goto(f"{installation.url}/invocations/{request_id}")
    expect(page.locator("main")).to_contain_text('"aaa"')


def test_a_new_secret_asks_before_it_is_lost(signed_in, installation):
    page = signed_in("en")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))

    page.goto(f"{installation.url}/access-keys")
    page.get_by_role("link", name="Create key").click()
    page.fill("#id_description", "from a browser")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("dialog")).to_contain_text("It can't be shown again.")
    page.get_by_role("link", name="Close").click()
    expect(page.locator("dialog")).to_be_visible()
    assert len(asked) == 1

    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    text = download.value.path().read_text()
    page.get_by_role("link", name="Close").click()
    page.wait_for_url("**/access-keys")
    assert text.startswith("Access Key Id,Secret Access Key")
    expect(page.locator("#keys")).to_contain_text("from a browser")
    assert len(asked) == 1


def test_the_explorer_works_without_javascript(browser, installation):
    Person(installation).create("plain", LOGS)
    context = browser.new_context(
        java_script_enabled=False, extra_http_headers={"Accept-Language": "en"}
    )
    page, known = context.new_page(), installation.credentials
    page.goto(f"{installation.url}/login")
    page.fill("#username", known["username"])
    page.fill("#password", known["password"])
    page.press("#password", "Enter")

    page.goto(f"{installation.url}/api-explorer")
    page.fill("#p-function_urn", "plain")
    page.get_by_role("button", name="Write JSON instead").click()
    page.fill("#body", '{"n": 1}')
    page.get_by_role("button", name="Debug").click()

    expect(page.locator("#answer")).to_contain_text("202 Accepted")
    context.close()
