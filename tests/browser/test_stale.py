"""A session that ends while somebody types loses nothing of it."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ENDED = "Your session has ended."


@pytest.fixture
def page_of(signed_in, installation):
    """Return a function that opens a page of ours, signed in and in English."""
    page = signed_in("en")

    def open_page(path):
        page.goto(installation.url + path)
        return page

    return open_page


def make(page, installation, name):
    page.goto(f"{installation.url}/functions/new")
    page.fill("#id_name", name)
    page.get_by_role("button", name="Create function").click()
    page.wait_for_url("**/code**")


def open_dialog(page, installation, name):
    make(page, installation, name)
    page.goto(f"{installation.url}/f/default/{name}/settings/async")
    page.get_by_role("link", name="Configure asynchronous invocation").first.click()
    page.fill("#retries", "3")


def sign_in_elsewhere(page, installation):
    """Sign in in another tab, and come back."""
    known = installation.credentials
    other = page.context.new_page()
    other.goto(f"{installation.url}/login")
    other.fill("#username", known["username"])
    other.fill("#password", known["password"])
    other.press("#password", "Enter")
    other.wait_for_url(lambda url: "/login" not in url)
    other.close()
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('focus'))")


def test_a_dialog_keeps_what_was_typed_when_the_session_ends(page_of, installation):
    page = page_of("/functions")
    open_dialog(page, installation, "ended")
    page.context.clear_cookies(name="sessionid")

    page.get_by_role("button", name="OK", exact=True).last.click()

    expect(page.locator("dialog [data-notice]")).to_contain_text(ENDED)
    expect(page.locator("#retries")).to_have_value("3")
    sign_in_elsewhere(page, installation)
    page.get_by_role("button", name="OK", exact=True).last.click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("Async configuration saved.")


def test_a_dialog_that_is_out_of_date_can_be_sent_again(page_of, installation):
    page = page_of("/access-keys")
    page.get_by_role("link", name="Create key").first.click()
    page.fill("#id_description", "of a build")
    cookie = {"name": "csrftoken", "value": "a" * 32, "url": installation.url}
    page.context.add_cookies([cookie])
    create = page.get_by_role("button", name="Create", exact=True)

    create.click()

    expect(page.locator("dialog [data-notice]")).to_contain_text("is out of date")
    expect(page.locator("#id_description")).to_have_value("of a build")
    create.click()
    expect(page.locator("#dlg-title")).to_have_text("Key created")


def test_a_page_that_is_polled_says_so_and_goes_on(page_of, installation):
    page = page_of("/invocations")
    page.context.clear_cookies(name="sessionid")

    notice = page.locator("#main [data-notice]")
    expect(notice).to_contain_text(ENDED.rstrip("."))
    assert page.url.endswith("/invocations")

    sign_in_elsewhere(page, installation)
    expect(notice).to_have_count(0)


def test_a_link_of_an_idle_page_leads_to_the_sign_in(page_of, installation):
    page = page_of("/functions")
    make(page, installation, "idle")
    page.goto(f"{installation.url}/f/default/idle/settings/async")
    page.context.clear_cookies(name="sessionid")

    page.get_by_role("link", name="Configure asynchronous invocation").first.click()

    page.wait_for_url("**/login?next=%2Ff%2Fdefault%2Fidle%2Fsettings%2Fasync")


def test_without_scripts_nothing_is_lost_either(page_of, installation, browser):
    page = page_of("/functions")
    make(page, installation, "plain")
    state = page.context.storage_state()
    context = browser.new_context(
        java_script_enabled=False, storage_state=state, locale="en-US"
    )
    plain = context.new_page()
    plain.goto(f"{installation.url}/f/default/plain/code")
    source = "def handler(event, context):\n    return 'kept'\n"
    plain.locator("textarea.editor").fill(source)
    context.clear_cookies(name="sessionid")

    plain.locator("#deploy .btn.primary").click()
    expect(plain.locator("h1")).to_have_text("Your session has ended")
    known = installation.credentials
    with context.expect_page() as opened:
        plain.get_by_role("link", name="Sign in in a new tab").click()
    other = opened.value
    other.fill("#username", known["username"])
    other.fill("#password", known["password"])
    other.press("#password", "Enter")
    other.wait_for_url("**/plain/code**")
    plain.get_by_role("button", name="Send again").click()
    expect(plain.locator("h1")).to_have_text("This page is out of date")
    plain.get_by_role("button", name="Send again").click()

    plain.goto(f"{installation.url}/f/default/plain/code")
    expect(plain.locator("textarea.editor")).to_have_value(source)
    context.close()
