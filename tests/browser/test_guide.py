"""The guide's steps, as a person does them, in both languages."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SAMPLE = """{
    "timestamp": "2020-08-20T12:00:00.000Z+08:00",
    "request_context": {
        "request_id": "1167bf8c-87b0-43ab-8f5f-26b16c64f252",
        "function_urn": "urn:fss:xx-xxxx-x:xxxxxxx:function:xxxx:xxxx:latest",
        "condition": "",
        "approximate_invoke_count": 0
    },
    "request_payload": "",
    "response_context": {"status_code": 200, "function_error": ""},
    "response_payload": "hello world!"
}"""
WORDS = {
    "en": {
        "create": "Create function",
        "configure": "Configure asynchronous invocation",
        "ok": "OK",
        "configuration": "Configuration",
        "code": "Code",
        "test_event": "Configure test event",
        "make": "Create",
        "run": "Run",
        "monitoring": "Monitoring",
        "succeeded": "Succeeded",
        "failed": "Failed",
        "saved": "Async configuration saved.",
        "test": "Test",
    },
    "zh-CN": {
        "create": "创建函数",
        "configure": "配置异步调用",
        "ok": "确定",
        "configuration": "设置",
        "code": "代码",
        "test_event": "配置测试事件",
        "make": "创建",
        "run": "运行",
        "monitoring": "监控",
        "succeeded": "执行成功",
        "failed": "执行失败",
        "saved": "异步配置已保存。",
        "test": "测试",
    },
}


def create(page, base, name, starter, words):
    page.goto(f"{base}/functions/new")
    page.fill("#id_name", name)
    page.select_option("#id_starter", starter)
    page.get_by_role("button", name=words["create"]).click()
    page.wait_for_url(f"**/f/default/{name}/code")


def choose(page, side, target):
    chip = page.locator(f"#{side} label", has_text="FunctionGraph").or_(
        page.locator(f"#{side} label", has_text="函数工作流")
    )
    chip.first.click()
    page.select_option(f"#params-{side} select[name='{side}-function']", target)
    expect(page.locator(f"select[name='{side}-qualifier']")).to_have_value("latest")


@pytest.mark.parametrize(("locale", "mark"), [("en", "e"), ("zh-CN", "z")])
def test_the_guides_scenario(signed_in, installation, locale, mark):
    words, base = WORDS[locale], installation.url
    page = signed_in(locale)
    test1, test2, test3 = (f"test{n}{mark}" for n in (1, 2, 3))
    create(page, base, test1, "fail-on-request", words)
    create(page, base, test2, "log-event", words)
    create(page, base, test3, "log-event", words)

    # Configuration → Async configuration.
    page.goto(f"{base}/functions")
    page.get_by_role("link", name=test1, exact=True).click()
    page.get_by_role("link", name=words["configuration"], exact=True).click()
    page.get_by_role("link", name=words["configure"]).click()
    dialog = page.get_by_role("dialog", name=words["configure"])
    expect(dialog.locator("#retries")).to_have_value("1")
    expect(dialog.locator("#age")).to_have_value("3600")
    dialog.locator("#retries").fill("0")
    choose(page, "success", test2)
    choose(page, "failure", test3)
    dialog.get_by_role("button", name=words["ok"], exact=True).click()
    expect(page.locator(".toast")).to_contain_text(words["saved"])
    expect(page.locator("#async-card")).to_contain_text(f"{test3}:latest")

    # A test event from the blank template, with the guide's record.
    page.get_by_role("link", name=words["code"], exact=True).click()
    page.get_by_role("link", name=words["test_event"]).click()
    page.fill("#id_name", "sample")
    page.fill("#id_content", SAMPLE)
    page.get_by_role("button", name=words["make"], exact=True).click()
    page.wait_for_url("**/code")
    page.locator("form.row").get_by_role("button", name=words["test"]).click()

    # Run it asynchronously, and once more so that it fails.
    page.get_by_role("button", name=words["run"], exact=True).click()
    chain = page.locator("#chain-mini")
    expect(chain).to_contain_text(test2, timeout=10_000)
    expect(chain.get_by_text(words["succeeded"], exact=True)).to_have_count(
        2, timeout=10_000
    )
    page.fill("#body", '{"fail": true}')
    page.get_by_role("button", name=words["run"], exact=True).click()
    expect(chain.get_by_text(words["failed"], exact=True)).to_have_count(
        1, timeout=10_000
    )

    # test2 → Monitoring → Logs shows the run, and the record it received.
    page.goto(f"{base}/functions")
    page.get_by_role("link", name=test2, exact=True).click()
    page.get_by_role("link", name=words["monitoring"], exact=True).click()
    row = page.locator("#inv tbody tr").first
    expect(row).to_contain_text(words["succeeded"])
    row.locator("th a").click()
    log = page.locator("#log pre")
    expect(log).to_contain_text('"response_payload": "hello world!"')
    expect(log).to_contain_text('"approximate_invoke_count": 1')
    expect(log).to_contain_text(f"{test1}:latest")


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_demo_shows_both_results_without_a_reload(signed_in, installation, locale):
    page = signed_in(locale)
    page.goto(f"{installation.url}/welcome")
    if page.locator("form[action='/welcome/demo'] button").count():
        page.locator("form[action='/welcome/demo'] button").click()

    page.locator("form[action$='/succeed'] button").click()
    page.wait_for_url(re.compile("run="))
    page.evaluate("window.kept = true")
    expect(page.locator(".node .tone-success")).to_have_count(2, timeout=5_000)
    assert page.evaluate("window.kept")
    page.locator("form[action$='/fail'] button").click()
    expect(page.locator(".node.source .tone-failed")).to_have_count(1, timeout=5_000)
    expect(page.locator(".node .tone-success")).to_have_count(1, timeout=5_000)


def test_a_poll_keeps_what_a_person_opened_and_typed(signed_in, installation):
    page = signed_in("en")
    page.goto(f"{installation.url}/invocations")
    page.fill("#q", "half typed")
    page.locator("details.menu summary").first.click()

    with page.expect_response(lambda response: "/invocations" in response.url):
        pass

    expect(page.locator("#q")).to_have_value("half typed")
    assert page.locator("details.menu").first.get_attribute("open") is not None


def test_the_dialog_asks_before_losing_what_was_typed(signed_in, installation):
    page = signed_in("en")
    create(page, installation.url, "unsaved", "hello", WORDS["en"])
    page.goto(f"{installation.url}/f/default/unsaved/settings/async")
    page.get_by_role("link", name="Configure asynchronous invocation").click()
    dialog = page.locator("dialog[open]")
    expect(page).to_have_url(re.compile("/settings/async/edit$"))
    dialog.locator("#retries").fill("9")
    expect(dialog.locator("#err-retries")).to_have_text(
        "Enter a whole number from 0 to 3."
    )
    asked = []
    stay = True

    def answer(box):
        asked.append(box.message)
        box.dismiss() if stay else box.accept()

    page.on("dialog", answer)

    page.keyboard.press("Escape")
    expect(dialog).to_have_count(1)
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile("/settings/async/edit$"))
    expect(dialog.locator("#retries")).to_have_value("9")
    stay = False
    page.evaluate("history.back()")
    expect(dialog).to_have_count(0)

    expect(page).to_have_url(re.compile("/settings/async$"))
    assert asked == ["Leave without saving?"] * 3
    page.get_by_role("link", name="Configure asynchronous invocation").click()
    expect(dialog).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/settings/async$"))
    expect(page.locator("#async-card")).to_be_visible()


def test_everything_works_without_javascript(browser, installation):
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    known, base = installation.credentials, installation.url
    page.goto(f"{base}/login")
    page.fill("#username", known["username"])
    page.fill("#password", known["password"])
    page.get_by_role("button", name="Sign in").click()
    create(page, base, "plain1", "hello", WORDS["en"])
    create(page, base, "plain2", "log-event", WORDS["en"])

    page.goto(f"{base}/f/default/plain1/settings/async/edit")
    page.check("#success input[value='FunctionGraph']", force=True)
    page.get_by_role("button", name="OK", exact=True).click()
    page.select_option("select[name='success-function']", "plain2")
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.locator("#async-card")).to_contain_text("plain2:latest")
    page.goto(f"{base}/run?fn=default/plain1")
    page.locator("#body").fill("{}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("link", name="Open invocation").click()

    def succeeded():
        page.reload()
        return "Succeeded" in page.locator("#inv-detail").inner_text()

    assert any(succeeded() for _turn in range(50))
    context.close()
