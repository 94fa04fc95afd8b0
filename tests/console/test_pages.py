"""Every page answers, in both languages, with a fixed number of queries."""

import pytest
from django.test import Client
from django.urls import reverse

from console import access
from console.installation import demo
from tests.support.factories import accept, make_function, make_project, make_user
from tests.support.languages import in_languages

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def admin(project):
    return make_user("boss", group=access.ADMINISTRATOR, project=project)


@pytest.fixture
def pages(client: Client, admin):
    client.force_login(admin)
    return client


FUNCTION_PAGES = [
    "function-code",
    "function-events",
    "function-general",
    "function-permissions",
    "function-network",
    "function-versions",
    "function-aliases",
    "function-async",
    "function-async-edit",
    "function-async-remove",
    "function-logs",
    "function-delete",
]


@pytest.mark.parametrize(("name", "language"), in_languages(FUNCTION_PAGES))
def test_function_pages_open(pages, admin, project, name, language):
    made = demo.create(project, by=admin)
    pages.cookies["django_language"] = language

    response = pages.get(reverse(name, args=["default", made.source.name]))

    assert response.status_code == 200
    assert made.source.name in response.text


@pytest.mark.parametrize(
    ("name", "language"),
    in_languages(
        [
            "welcome",
            "functions",
            "function-create",
            "invocations",
            "deliveries",
            "runner",
            "agencies",
            "buckets",
            "streams",
            "networks",
            "rocketmq",
        ]
    ),
)
def test_pages_open(pages, admin, project, name, language):
    made = demo.create(project, by=admin)
    accept(made.source)
    pages.cookies["django_language"] = language

    assert pages.get(reverse(name)).status_code == 200


def test_home_leads_to_welcome_until_there_is_a_function(pages, project):
    assert pages.get("/").url == "/welcome"
    make_function()
    assert pages.get("/").url == "/functions"


@pytest.mark.parametrize("path", ["/", "/functions", "/run", "/welcome", "/admin/"])
def test_pages_are_closed_to_strangers(client, path):
    response = client.get(path)

    assert response.status_code == 302
    assert "/login" in response.url


@pytest.mark.parametrize("name", FUNCTION_PAGES)
def test_another_projects_function_does_not_exist(client, name):
    make_function("hidden")
    other = make_project("elsewhere")
    client.force_login(make_user(group=access.ADMINISTRATOR, project=other))

    response = client.get(reverse(name, args=["default", "hidden"]))

    assert response.status_code == 404


@pytest.mark.parametrize("rows", [1, 3])
def test_logs_take_a_fixed_number_of_queries(pages, admin, project, rows, engine, asks):
    made = demo.create(project, by=admin)
    for _turn in range(rows):
        demo.run(made, "fail", by="boss")
    engine.run()

    with asks(14):
        pages.get(reverse("function-logs", args=["default", "test1"]))


@pytest.mark.parametrize("rows", [1, 3])
def test_function_list_takes_a_fixed_number_of_queries(pages, rows, asks):
    for _turn in range(rows):
        make_function()

    with asks(8):
        pages.get(reverse("functions"))


def test_an_invocation_shows_attempts_record_and_child(pages, admin, project, engine):
    made = demo.create(project, by=admin)
    invocation = demo.run(made, "fail", by="boss")
    engine.run()
    pages.cookies["django_language"] = "en"

    response = pages.get(reverse("invocation", args=[invocation.request_id]))

    assert response.status_code == 200
    assert "ValueError: asked to fail" in response.text
    assert "approximate_invoke_count" in response.text
    assert "test3" in response.text


def test_what_a_function_says_is_escaped(pages, engine):
    hostile = "<script>alert(1)</script>"
    source = (
        f"def handler(event, context):\n    print({hostile!r})\n"
        f"    raise ValueError({hostile!r})\n"
    )
    invocation = accept(make_function(source=source), b'{"x": "<script>"}')
    engine.run()

    response = pages.get(reverse("invocation", args=[invocation.request_id]))

    assert "<script>alert" not in response.text
    assert '"<script>"' not in response.text


def test_the_policy_forbids_inline_scripts(pages):
    policy = pages.get("/functions").headers["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
