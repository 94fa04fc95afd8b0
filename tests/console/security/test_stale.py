"""Forms that outlived their page or their session lose nothing and open nothing."""

import re

import pytest
from django.test import Client

from console import access
from functions.models import TestEvent
from tests.support.factories import make_function, make_project, make_user

pytestmark = pytest.mark.django_db
OURS = {"origin": "http://testserver", "referer": "http://testserver/f/x?v=1"}
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/f/x?v=1"}
TYPED = {"name": "order", "content": '{"n": "<1>"}'}


@pytest.fixture
def url():
    project = make_project()
    make_user("ann", group=access.ADMINISTRATOR, project=project)
    function = make_function("own", project=project)
    return f"/f/default/{function.name}/events"


@pytest.fixture
def browser(url):
    """A browser that has signed in, by the page; CSRF is checked as in real life."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["django_language"] = "en"
    sign_in(client)
    return client


def token(client):
    page = client.get("/login", follow=True).text
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


def sign_in(client):
    fields = {"username": "ann", "password": "pass"}
    fields["csrfmiddlewaretoken"] = token(client)
    return client.post("/login", fields)


def fields_of(page):
    """Return the fields of the form that sends again, with the page's own token."""
    form = page.partition("data-again")[2].partition("</form>")[0]
    pairs = re.findall(r'name="([^"]+)" value="([^"]*)"', form)
    return {
        name: value.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">")
        for name, value in pairs
    }


def test_an_old_page_is_said_in_the_console_and_loses_nothing(browser, url):
    old = TYPED | {"csrfmiddlewaretoken": "a" * 32}

    refused = browser.post(url, old, headers=OURS)
    again = browser.post(url, fields_of(refused.text), headers=OURS)

    assert refused.status_code == 403
    assert "This page is out of date" in refused.text
    assert "You are signed in as ann." in refused.text
    assert 'href="/f/x?v=1"' in refused.text
    assert again.status_code == 302
    assert TestEvent.objects.get().text == TYPED["content"]


def test_a_page_never_leads_back_to_another_host(browser, url):
    old = TYPED | {"csrfmiddlewaretoken": "a" * 32}
    before = {"referer": "http://testserver//evil.example/x"}

    refused = browser.post(url, old, headers=OURS | before)

    assert 'href="/evil.example/x"' in refused.text
    assert "//evil.example" not in refused.text


def test_no_other_site_is_helped_to_send_a_form(browser, url):
    old = TYPED | {"csrfmiddlewaretoken": "a" * 32}
    for headers in ({}, {"origin": "https://evil.example"}, {"origin": "null"}):
        refused = browser.post(url, old, headers=headers)

        assert refused.status_code == 403
        assert "Nothing was saved. Reload it and try again." in refused.text
        assert "data-again" not in refused.text
        assert "order" not in refused.text


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"secret": "s3cret-value"}, 403),
        ({"password1": "s3cret-value"}, 403),
        ({"encrypted_user_data": '{"KEY": "s3cret-value"}'}, 403),
        ({"content": "s3cret-value" + "x" * 1024 * 1024}, 413),
    ],
)
def test_secrets_and_large_forms_are_not_put_into_the_page(browser, url, typed, status):
    refused = browser.post(url, typed, headers=OURS)

    assert refused.status_code == status
    assert "s3cret-value" not in refused.text
    assert "data-again" not in refused.text


def test_an_old_dialog_gets_a_notice_and_a_token_that_works(browser, url):
    old = TYPED | {"csrfmiddlewaretoken": "a" * 32}

    refused = browser.post(url, old, headers=OURS | HTMX)
    fresh = re.search(r'data-token="([^"]+)"', refused.text)[1]
    again = browser.post(url, TYPED | {"csrfmiddlewaretoken": fresh}, headers=HTMX)

    assert (refused.status_code, refused.headers["X-Notice"]) == (403, "out-of-date")
    assert "<html" not in refused.text
    assert again.status_code == 302


def test_a_sign_in_page_that_is_old_keeps_the_name_and_not_the_password(browser):
    browser.post("/logout", {"csrfmiddlewaretoken": token(browser)})
    fields = {"username": "ann", "password": "my-pass", "next": "/run"}

    refused = browser.post("/login", fields, headers=OURS)

    assert refused.status_code == 403
    assert "This page was out of date. Sign in again." in refused.text
    assert 'value="ann"' in refused.text
    assert 'value="/run"' in refused.text
    assert "my-pass" not in refused.text


def test_a_second_sign_in_page_leads_on_after_the_first(browser):
    fields = {"username": "ann", "password": "pass", "next": "/run"}

    response = browser.post("/login", fields, headers=OURS)

    assert (response.status_code, response.url) == (302, "/run")


@pytest.fixture
def ended(browser):
    """The same browser, after its session has ended."""
    del browser.cookies["sessionid"]
    return browser


def test_a_session_that_ended_loses_nothing(ended, url):
    sent = TYPED | {"csrfmiddlewaretoken": token(ended)}

    refused = ended.post(url, sent, headers=OURS)
    sign_in(ended)
    # The new session has another token, as when a browser without scripts comes back.
    old = ended.post(url, fields_of(refused.text), headers=OURS)
    again = ended.post(url, fields_of(old.text), headers=OURS)

    assert refused.status_code == 401
    assert "Your session has ended" in refused.text
    assert 'href="/login?next=%2Ff%2Fx%3Fv%3D1" target="_blank"' in refused.text
    assert (old.status_code, again.status_code) == (403, 302)
    assert TestEvent.objects.get().text == TYPED["content"]


@pytest.mark.parametrize(
    ("method", "said"),
    [("post", "what you typed is still here"), ("get", "is no longer updated")],
)
def test_a_fragment_says_in_place_that_the_session_ended(ended, url, method, said):
    sent = {"csrfmiddlewaretoken": token(ended)}

    answer = getattr(ended, method)(url, sent, headers=OURS | HTMX)

    assert (answer.status_code, answer.headers["X-Notice"]) == (401, "session-ended")
    assert said in answer.text
    assert 'href="/login?next=%2Ff%2Fx%3Fv%3D1"' in answer.text
    assert "HX-Redirect" not in answer.headers


def test_a_strangers_form_is_not_read(url):
    stranger = Client()

    answer = stranger.post(url, TYPED, headers=OURS)

    assert (answer.status_code, answer.url) == (302, f"/login?next={url}")


def test_another_site_gets_nothing_kept_after_the_session_ended(ended, url):
    sent = TYPED | {"csrfmiddlewaretoken": token(ended)}

    answer = ended.post(url, sent, headers={"origin": "https://evil.example"})

    assert answer.status_code in (401, 403)
    assert "order" not in answer.text
    assert "data-again" not in answer.text
