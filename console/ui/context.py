"""What the shell around every page needs."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console import access
from console.access import AnyRight, OperatorRight, Right
from console.installation import isolation

THEMES = ("system", "light", "dark")
# What app.js writes when it ages times and counts down.
PHRASES = {
    "seconds": _("%(n)d s"),
    "minutes": _("%(n)d min"),
    "ago_seconds": _("%(n)d s ago"),
    "ago_minutes": _("%(n)d min ago"),
    "ago_hours": _("%(n)d h ago"),
}


@dataclass(frozen=True)
class Item:
    """One line of the sidebar; `prefix` is the part of the URL it stands for."""

    label: str | Promise
    url_name: str
    icon: str
    prefixes: tuple[str, ...]
    right: AnyRight = Right.READ


NAVIGATION: tuple[tuple[str | Promise, tuple[Item, ...]], ...] = (
    (
        _("Functions"),
        (
            Item(_("Get started"), "welcome", "rocket", ("/welcome",)),
            Item(_("Function list"), "functions", "layers", ("/functions", "/f/")),
            Item(_("Test runner"), "runner", "play", ("/run",), Right.INVOKE),
        ),
    ),
    (
        _("Tools"),
        (Item(_("API explorer"), "api-explorer", "code", ("/api-explorer",)),),
    ),
    (
        _("Observe"),
        (
            Item(_("Invocations"), "invocations", "activity", ("/invocations",)),
            Item(_("Notifications"), "deliveries", "mail", ("/deliveries",)),
        ),
    ),
    (
        _("Destinations"),
        (
            Item(
                _("Topics"),
                "topics",
                "bell",
                ("/services/topics", "/services/new-topic"),
            ),
            Item(
                _("Streams"),
                "streams",
                "list",
                ("/services/streams", "/services/new-stream"),
            ),
            Item(
                _("Buckets"),
                "buckets",
                "box",
                ("/services/buckets", "/services/new-bucket"),
            ),
            Item("RocketMQ", "rocketmq", "send", ("/services/rocketmq",)),
            Item(_("VPCs"), "networks", "network", ("/services/networks",)),
        ),
    ),
    (
        _("Operate"),
        (
            Item(
                _("Health"),
                "operator-health",
                "activity",
                ("/operator/health",),
                OperatorRight.LOOK,
            ),
            Item(
                _("Balance"),
                "balance",
                "flag",
                ("/operator/balance",),
                OperatorRight.LOOK,
            ),
            Item(
                _("Ledger"),
                "operator-ledger",
                "file-text",
                ("/operator/ledger",),
                OperatorRight.LOOK,
            ),
            Item(
                _("Delivery backlog"),
                "operator-deliveries",
                "mail-x",
                ("/operator/deliveries",),
                OperatorRight.LOOK,
            ),
            Item(
                _("Administration"),
                "admin:index",
                "settings",
                (),
                OperatorRight.LOOK,
            ),
            Item(
                _("RQ queues"),
                "admin:django_rq_dashboard_changelist",
                "server",
                (),
                OperatorRight.LOOK,
            ),
        ),
    ),
    (
        _("Account"),
        (
            Item(_("Access keys"), "access-keys", "key-round", ("/access-keys",)),
            Item(_("Agencies"), "agencies", "shield", ("/agencies",)),
        ),
    ),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return theme, navigation and projects for the templates."""
    user = getattr(request, "user", None)
    theme = request.COOKIES.get("theme", "system")
    known: dict[str, Any] = {
        "theme": theme if theme in THEMES else "system",
        "phrases": PHRASES,
    }
    if not isinstance(user, User):
        return known
    return known | {
        "navigation": _navigation(user, request.path),
        "projects": lambda: access.get_projects(request),
        "project": lambda: access.get_project(request),
        "isolation_warning": isolation.warning,
    }


def _navigation(user: User, path: str) -> list[dict[str, Any]]:
    groups = []
    for title, items in NAVIGATION:
        shown = [
            {"item": item, "current": _stands_for(item, path)}
            for item in items
            if _is_shown(item, user)
        ]
        if shown:
            groups.append({"title": title, "items": shown})
    return groups


def _stands_for(item: Item, path: str) -> bool:
    return path.startswith(item.prefixes or ("\x00",))


def _is_shown(item: Item, user: User) -> bool:
    return access.may(user, item.right)


def item_of(request: HttpRequest) -> Item | None:
    """Return the line of the sidebar that the address belongs to, when it is shown."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return None
    meant = [
        item
        for _title, items in NAVIGATION
        for item in items
        if _stands_for(item, request.path) and _is_shown(item, user)
    ]
    return meant[0] if meant else None
