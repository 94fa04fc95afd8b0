"""A browser, and a running installation to point it at."""

import shutil

import pytest

from tests.support.installation import Installation

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Install Chromium (Debian: apt install chromium)."
    return {**browser_type_launch_args, "executable_path": chromium, "args": FLAGS}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    made = Installation(
        tmp_path_factory.mktemp("browser") / "data", ASYNC_RETRY_BASE_SECONDS="0.05"
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def problems(page):
    """What the browser complains about; each test ends with none."""
    found = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda message: (
            found.append(message.text)
            if "Content Security Policy" in message.text
            else None
        ),
    )
    yield found
    assert found == []


@pytest.fixture
def signed_in(page, installation, problems):
    """Return a function that signs in, in a language."""

    def sign_in(locale):
        known = installation.credentials
        page.set_extra_http_headers({"Accept-Language": locale})
        page.goto(f"{installation.url}/login")
        page.fill("#username", known["username"])
        page.fill("#password", known["password"])
        page.press("#password", "Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    return sign_in
