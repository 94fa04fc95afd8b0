"""The secret that is shown once is not left without a question."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_leaving_a_secret_asks_about_the_secret(signed_in, installation):
    page = signed_in("en")
    asked = []
    page.on("dialog", lambda one: (asked.append(one.message), one.accept()))
    page.goto(f"{installation.url}/access-keys")
    page.get_by_role("link", name="Create key").first.click()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#dlg-title")).to_have_text("Key created")

    page.keyboard.press("Escape")

    expect(page.locator("dialog")).to_have_count(0)
    assert asked == ["The secret can't be shown again. Close anyway?"]
