"""Rights granted in another tab, and a test sent from the dialog."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.installation import Person

pytestmark = pytest.mark.browser


@pytest.fixture
def dialog(signed_in, installation):
    """The dialog of source with target chosen, its agency without any right."""
    page = signed_in("en")
    for name in ("source", "target"):
        page.goto(f"{installation.url}/functions/new")
        page.fill("#id_name", name)
        page.get_by_role("button", name="Create function").click()
        page.wait_for_url(f"**/f/default/{name}/code")
    page.goto(f"{installation.url}/agencies")
    page.get_by_role("link", name="fgconsole-default").click()
    page.uncheck("input[value='functiongraph:function:invokeAsync']")
    page.get_by_role("button", name="Save").click()
    page.goto(f"{installation.url}/f/default/source/settings/async")
    page.locator("#async-card a", has_text="Configure").click()
    opened = page.locator("dialog[open]")
    opened.locator("#success label", has_text="FunctionGraph").click()
    opened.locator("[name='success-function']").select_option("target")
    return opened


def test_a_right_granted_in_another_tab_turns_green_and_a_test_arrives(page, dialog):
    checks, result = dialog.locator(".checks"), dialog.locator("#probed-success")
    missing = "lacks functiongraph:function:invokeAsync on target:latest."
    expect(checks).to_contain_text(missing)
    dialog.locator("#retries").press("Enter")  # saves, and sends no test
    expect(dialog.locator(".summary-errors")).to_contain_text(missing)
    expect(result).to_be_empty()
    expect(dialog.locator("details pre").first).to_contain_text("invokeAsync")

    with page.context.expect_page() as opened:
        checks.get_by_role("link", name="Set agency").click()
    permissions = opened.value
    expect(permissions.locator(".pill", has_text="Missing")).to_be_visible()
    permissions.get_by_role("button", name="Grant").click()
    expect(permissions.locator("tbody")).to_contain_text("Granted")
    permissions.close()
    dialog.get_by_role("button", name="Recheck").click()

    expect(checks).to_contain_text("Agency fgconsole-default allows it")
    expect(checks).not_to_contain_text("lacks")
    expect(dialog.locator("[name='success-function']")).to_have_value("target")

    dialog.get_by_role("button", name="Send a test").click()
    expect(result).to_contain_text("The function really runs.")
    result.get_by_role("button", name="Yes, run it").click()
    expect(result).to_contain_text(re.compile(r"Delivered in \d+ ms"))
    expect(result).to_be_in_viewport()
    with page.context.expect_page() as opened:
        result.get_by_role("link", name="Open").click()
    expect(opened.value.locator("#inv-detail")).to_contain_text("Succeeded")
    expect(opened.value.locator("#inv-detail")).to_contain_text('"probe"')


def test_a_list_that_redraws_itself_asks_before_it_sends_again(signed_in, installation):
    person = Person(installation)
    person.post("/agencies/1", actions=[])
    person.post("/welcome/demo")
    person.post("/welcome/demo/run/succeed")
    page = signed_in("en")
    page.goto(f"{installation.url}/deliveries?status=failed")
    resend = page.get_by_role("link", name="Resend").first

    for _turn in range(2):
        resend.click()
        expect(page.locator("dialog[open]")).to_contain_text("may receive it twice")
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
