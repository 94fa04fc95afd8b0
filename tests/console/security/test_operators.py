"""Who may see and do what across projects."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, get_resolver

from console import access
from console.access import OperatorRight
from console.installation import prepare
from tests.support.factories import make_project, make_user

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "member", "staff", "look", "act", "administer", "superuser")
LOOK = (302, 403, 403, 200, 200, 200, 200)
ACT = (302, 403, 403, 403, 302, 302, 302)
ADMINISTER = (302, 403, 403, 403, 403, 200, 200)
RQ = "/admin/django_rq/dashboard"
# An answer of 404 is that of a page which was entered: there is no queue 99.
PAGES = [
    ("get", "/operator/balance", LOOK),
    ("get", "/operator/health", LOOK),
    ("get", "/operator/ledger", LOOK),
    ("get", "/operator/deliveries", LOOK),
    ("post", "/operator/deliveries/resend", ACT),
    ("get", "/admin/", LOOK),
    ("get", "/admin/asyncconfig/", LOOK),
    ("get", "/admin/asyncconfig/invocation/", LOOK),
    ("get", "/admin/console/accesskey/", LOOK),
    ("post", "/admin/console/accesskey/", ADMINISTER),
    ("get", "/admin/auth/user/", ADMINISTER),
    ("get", "/admin/auth/group/add/", ADMINISTER),
    ("get", "/admin/functions/project/add/", ADMINISTER),
    ("post", "/admin/functions/project/add/", ADMINISTER),
    ("get", "/admin/password_change/", LOOK),
    ("post", "/admin/password_change/", LOOK),
    ("get", "/admin/login/", (302,) * 7),
    ("get", f"{RQ}/", LOOK),
    ("get", f"{RQ}/stats.json", LOOK),
    ("get", f"{RQ}/stats.json/token/", LOOK),
    ("get", f"{RQ}/queues/99/details/", (302, 403, 403, 404, 404, 404, 404)),
    ("post", f"{RQ}/queues/0/empty/", ACT),
    ("post", f"{RQ}/queues/actions/0/", ACT),
]


class Nothing:
    """A queue without Redis."""

    name = "invoke"

    def empty(self):
        pass


@pytest.fixture
def _no_redis(monkeypatch):
    for name in ("get_statistics", "get_scheduler_statistics", "get_cron_schedulers"):
        monkeypatch.setattr(f"django_rq.stats_views.{name}", lambda **_told: {})

    def find(index):
        return [Nothing()][index]

    monkeypatch.setattr("django_rq.views.get_queue_by_index", find)


def person(role, project=None):
    """Return somebody of a role; staff have nothing but what the role gives."""
    if role == "anonymous":
        return AnonymousUser()
    if role == "superuser":
        return make_user(is_staff=True, is_superuser=True)
    project = project or make_project()
    group = access.ADMINISTRATOR if role == "member" else ""
    user = make_user(is_staff=role != "member", project=project, group=group)
    if role in list(OperatorRight):
        user.user_permissions.add(permission(role))
    return user


def permission(name):
    return Permission.objects.get(content_type__app_label="console", codename=name)


def browser_of(user):
    client = Client()
    client.cookies["django_language"] = "en"
    if user.is_authenticated:
        client.force_login(user)
    return client


@pytest.mark.usefixtures("_no_redis")
@pytest.mark.parametrize(("method", "path", "expected"), PAGES)
def test_no_operators_page_is_open_without_its_right(method, path, expected):
    found = []
    for role in ROLES:
        answer = getattr(browser_of(person(role)), method)(path)
        found.append(answer.status_code)
        if role == "anonymous":
            assert answer.url.startswith(("/login?", "/admin/login/?"))

    assert dict(zip(ROLES, found, strict=True)) == dict(
        zip(ROLES, expected, strict=True)
    )


def under(found, prefix):
    for one in found:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from under(one.url_patterns, route)
        else:
            yield one.name, route


def filled(route):
    parts = []
    for part in route.replace("^", "").replace("(?P<app_label>", "<").split("/"):
        is_free = "<" in part or "(" in part
        parts.append("1" if is_free else part.replace("\\.", ".").strip("$?"))
    return "/" + "/".join(parts)


@pytest.mark.parametrize("role", ["member", "staff"])
def test_nothing_of_the_administration_is_forgotten(role):
    client = browser_of(person(role))
    routes = [
        (name, route)
        for name, route in under(get_resolver().url_patterns, "")
        if route.startswith("admin/") and name not in ("login", "logout")
    ]
    assert len(routes) > 100

    open_to_all = [
        route for _name, route in routes if client.get(filled(route)).status_code != 403
    ]

    assert open_to_all == []


@pytest.mark.parametrize(
    ("role", "shown"), [("staff", 0), ("look", 4), ("act", 4), ("superuser", 4)]
)
def test_the_sidebar_offers_no_closed_page(role, shown):
    project = make_project()
    user = person(role, project)
    if role != "superuser":
        user.groups.add(Group.objects.get_or_create(name=access.READER)[0])
    page = browser_of(user).get("/functions").text

    links = ("/operator/balance", "/operator/deliveries", "/admin/", f"{RQ}/")
    assert sum(f'href="{link}"' in page for link in links) == shown
    assert ("<h2>Operate</h2>" in page) is bool(shown)


def test_who_may_only_look_is_offered_no_resending(monkeypatch):
    owed = [
        {
            "kind": "OBS",
            "label": "b",
            "target_key": "1:OBS:b",
            "waiting": 1,
            "failed": 2,
            "oldest": None,
        }
    ]
    monkeypatch.setattr("asyncconfig.reports.backlog.by_target", lambda *_project: owed)

    offered = {
        role: "/operator/deliveries/resend"
        in browser_of(person(role)).get("/operator/deliveries").text
        for role in ("look", "act")
    }

    assert offered == {"look": False, "act": True}


def test_a_refusal_names_the_right_to_ask_for():
    page = browser_of(person("staff")).get("/operator/balance")

    assert "Ask an administrator for Operator: look." in page.text
    assert permission("look").name == "Operator: look"


def test_a_right_without_staff_opens_nothing():
    user = person("member")
    user.user_permissions.add(permission("administer"))

    assert browser_of(user).get("/operator/balance").status_code == 403
    assert browser_of(user).get("/admin/").status_code == 403


def test_a_group_may_hold_the_right():
    user = person("staff")
    watch = Group.objects.create(name="watch")
    watch.permissions.add(permission("look"))
    user.groups.add(watch)

    assert browser_of(user).get("/operator/balance").status_code == 200


def test_who_lost_access_is_named_at_the_start(capsys, monkeypatch):
    for name in ("collect_static", "introduce"):
        monkeypatch.setattr(prepare, name, lambda **_told: "here")
    ann = make_user("ann", is_staff=True)
    make_user("bob", is_staff=True).user_permissions.add(permission("look"))
    make_user("cid", is_staff=True, is_active=False)
    make_user("root", is_staff=True, is_superuser=True)
    make_user("zoe")

    call_command("prepare")
    said = capsys.readouterr().out
    ann.user_permissions.add(permission("act"))
    call_command("prepare")

    assert "are closed: ann. Give them" in said
    assert capsys.readouterr().out == "Ready. How to sign in is in here.\n"
    assert prepare.notes() == []


def test_a_long_list_of_names_is_cut():
    for number in range(22):
        make_user(f"s{number:02}", is_staff=True)

    assert "s19 and 2 more." in prepare.notes()[0]
