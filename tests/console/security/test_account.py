"""Signing in and out, and what comes with it."""

import pytest
from django.db import OperationalError
from django.urls import reverse

from asyncconfig.invocations import accepting
from console import access
from console.models import AccessKey
from functions.models import Version
from tests.support.factories import latest, make_function, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user("ann", group=access.READER, project=make_project())


def sign_in(client, password="pass", **fields):
    return client.post("/login", {"username": "ann", "password": password, **fields})


def test_signing_in_leads_on(client, user):
    response = sign_in(client, next="/functions?q=x")

    assert (response.status_code, response.url) == (302, "/functions?q=x")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_elsewhere(client, user, target):
    assert sign_in(client, next=target).url == "/"


def test_a_wrong_password_is_said_and_the_name_stays(client, user):
    client.cookies["django_language"] = "en"

    response = sign_in(client, "wrong")

    assert response.status_code == 422
    assert "Account or password is wrong." in response.text
    assert 'value="ann"' in response.text


def test_five_failures_lock_the_account_for_its_address(client, user):
    for _turn in range(5):
        sign_in(client, "wrong")

    assert sign_in(client).status_code == 429
    elsewhere = client.post(
        "/login", {"username": "ann", "password": "pass"}, REMOTE_ADDR="192.0.2.7"
    )
    assert elsewhere.status_code == 302


def test_signing_out_needs_a_post(client, user):
    client.force_login(user)

    assert client.get("/logout").status_code == 405
    assert client.post("/logout").url == "/login"
    assert client.get("/functions").status_code == 302


def test_a_fragment_of_somebody_signed_out_leads_to_the_sign_in_page(client):
    response = client.get(
        "/invocations",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/a?b=c"},
    )

    assert response.status_code == 401
    assert 'href="/login?next=%2Fa%3Fb%3Dc"' in response.text


def test_the_language_is_remembered_and_the_page_kept(client, user):
    client.force_login(user)

    response = client.post("/language", {"language": "en", "next": "/functions?q=x"})

    assert response.url == "/functions?q=x"
    assert "Filter by name" in client.get("/functions").text
    client.post("/language", {"language": "zh-hans", "next": "/"})
    assert "按名称或描述筛选" in client.get("/functions").text


def test_chinese_is_shown_where_nothing_is_chosen(client):
    assert 'lang="zh-Hans"' in client.get("/login").text


def test_the_theme_is_remembered(client):
    client.post("/theme", {"theme": "dark", "next": "/login"})

    assert 'data-theme="dark"' in client.get("/login").text


@pytest.mark.parametrize("listed", [100, 1])
def test_a_person_of_two_projects_chooses(client, user, listed, monkeypatch):
    """The choice lists a hundred; a later one that was chosen stays chosen."""
    monkeypatch.setattr(access, "MAX_PROJECTS", listed)
    other = make_project("other", members=[user])
    client.force_login(user)

    client.post("/project", {"project": other.project_id})

    assert client.get("/functions").context["project"]() == other
    stranger = make_project("closed")
    refused = client.post("/project", {"project": stranger.project_id})
    assert refused.status_code == 404


def test_a_person_of_no_project_is_told_so(client):
    client.force_login(make_user("lonely", group=access.ADMINISTRATOR))
    client.cookies["django_language"] = "en"

    response = client.get("/functions")

    assert response.status_code == 403
    assert "You belong to no project." in response.text


def test_a_person_of_no_group_may_nothing(client):
    client.force_login(make_user("guest", project=make_project()))

    assert client.get("/functions").status_code == 403


@pytest.mark.parametrize("name", ["runner", "function-create"])
def test_readers_may_not_run_or_create(client, user, name):
    client.force_login(user)

    assert client.get(reverse(name)).status_code == 403


def test_every_answer_has_a_request_id(client):
    assert len(client.get("/login").headers["X-Request-Id"]) == 32


def test_while_the_database_is_away_nothing_is_accepted(client, monkeypatch):
    project = make_project()
    function = make_function(project=project)
    client.force_login(make_user(group=access.ADMINISTRATOR, project=project))
    client.raise_request_exception = False

    def away(*_arguments, **_fields):
        raise OperationalError("gone")

    monkeypatch.setattr(accepting, "_store", away)
    fields = {"function": function.name, "qualifier": "latest", "mode": "async"}

    assert client.post("/run", fields).status_code == 503


def test_secrets_are_encrypted_at_rest(user):
    key = AccessKey.objects.create(user=user, secret="a plain secret")
    version = latest(make_function())
    version.user_data = {"token": "another secret"}
    version.save()

    stored = AccessKey.objects.extra(select={"raw": "secret"}).get(pk=key.pk).raw
    data = Version.objects.extra(select={"raw": "user_data_json"}).get(pk=version.pk)

    assert b"plain" not in bytes(stored)
    assert b"another" not in bytes(data.raw)
    assert AccessKey.objects.get(pk=key.pk).secret == "a plain secret"
    assert Version.objects.get(pk=version.pk).user_data == {"token": "another secret"}
