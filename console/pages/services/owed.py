"""What a target is owed, as its own page and that of notifications show it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy

from asyncconfig.reports import backlog
from asyncconfig.reports.backlog import Backlog
from functions.models import Project

SINCE = {
    "1h": (gettext_lazy("Last hour"), timedelta(hours=1)),
    "12h": (gettext_lazy("Last 12 hours"), timedelta(hours=12)),
    "1d": (gettext_lazy("Last day"), timedelta(days=1)),
    "3d": (gettext_lazy("Last 3 days"), timedelta(days=3)),
    "all": (gettext_lazy("All"), None),
}


def choices() -> list[tuple[str, str | Promise]]:
    """Return since when notifications may be sent again."""
    return [(key, label) for key, (label, _span) in SINCE.items()]


def of_target(project: Project, kind: str, name: str, *, back: str) -> dict[str, Any]:
    """Return the context of one target's figures; `back` is where re-sending leads."""
    return _context(lambda: [backlog.of_target(project, kind, name)], back)


def below(project: Project, kind: str, prefix: str, *, back: str) -> dict[str, Any]:
    """Return the context of all targets that are owed something, by their beginning."""
    return _context(lambda: backlog.by_target(project, kind, prefix), back)


def _context(count: Callable[[], list[Backlog]], back: str) -> dict[str, Any]:
    """Count when it is shown: the parts of a page that are polled leave it out."""
    return {"backlogs": SimpleLazyObject(count), "since": choices(), "back": back}
