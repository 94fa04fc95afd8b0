"""What pages are asked that no database, disk or browser takes: never a 500."""

from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from console import access
from tests.support.factories import (
    make_function,
    make_project,
    make_stream,
    make_topic,
    make_user,
    publish,
)

pytestmark = pytest.mark.django_db

TEXTS = ("%00", "..", "%2e%2e%2f", "%F0%9F%98%80", "%ff", "a" * 700, "9" * 40)
ASKED = (
    *("q", "kind", "target", "status", "before", "object", "prefix", "token", "key"),
    *("partition", "record", "page", "since", "qualifier", "operation", "urn"),
    *("function", "next", "target_key", "side", "name", "range", "from", "to", "then"),
    *("subscriptions_before", "request_id", "state", "version", "alias", "event"),
)
FIELDS = (
    *("kind", "target", "target_key", "since", "next", "project", "username"),
    *("password", "name", "action"),
)


def patterns(found, prefix=""):
    for one in found:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            if one.app_name not in ("admin", "ninja") and "admin" not in route:
                yield from patterns(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            yield route


ROUTES = sorted(
    {one for one in patterns(get_resolver().url_patterns) if "^" not in one}
)


@pytest.fixture
def pages():
    project = make_project()
    function = make_function("own", project=project)
    make_stream("own", project=project)
    publish(make_topic("own", project=project))
    client = Client(raise_request_exception=False)
    client.force_login(make_user(group=access.ADMINISTRATOR, project=project))
    return client, function


def filled(route, text):
    """Return the route with each free text filled in."""
    parts = []
    for part in route.split("/"):
        if part.startswith("<uuid:"):
            part = str(UUID(int=0))
        elif part.startswith("<int:"):
            part = "9" * 40
        elif "<" in part:
            part = text
        parts.append(part)
    return "/" + "/".join(parts)


@pytest.mark.parametrize("text", TEXTS)
def test_no_path_breaks_a_page(pages, text):
    client, _function = pages
    broken = []
    for route in ROUTES:
        for method in (client.get, client.post):
            answer = method(filled(route, text))
            if answer.status_code >= 500:
                broken.append((method.__name__, route))

    assert not broken


@pytest.mark.parametrize("text", TEXTS)
def test_no_query_breaks_a_page(pages, text):
    client, function = pages
    query = "&".join(f"{name}={text}" for name in ASKED)
    broken = []
    for route in ROUTES:
        path = filled(route.replace("<str:package>", function.package), "own")
        for headers in ({}, {"HX-Request": "true"}):
            answer = client.get(f"{path}?{query}", headers=headers)
            if answer.status_code >= 500:
                broken.append(route)

    assert not broken


def test_no_cookie_breaks_a_page(pages):
    client, _function = pages
    for name in ("sessionid", "csrftoken", "tz", "theme", "messages"):
        answer = client.get("/functions", headers={"cookie": f'{name}="\\000a"'})

        assert answer.status_code < 500


@pytest.mark.parametrize("is_known", [True, False])
def test_no_field_breaks_a_page(pages, is_known):
    client, function = pages
    broken = []
    if is_known:
        boss = {"is_staff": True, "is_superuser": True}
        client.force_login(make_user("boss", project=function.project, **boss))
    else:
        client.logout()
    for route in ROUTES:
        path = filled(route.replace("<str:package>", function.package), "own")
        answer = client.post(path, dict.fromkeys(FIELDS, "a\x00\U0001f600"))
        if answer.status_code >= 500:
            broken.append(route)

    assert not broken
