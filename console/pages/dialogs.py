"""The question before something happens for good, where a sentence is enough to ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from console.ui.htmx import render_page


@dataclass(frozen=True)
class UsedBy:
    """Who uses a thing that is therefore not deleted, and the page to change that.

    `side` says of which outcome a function tells it, where it does.
    """

    name: str
    url: str
    side: str = ""


def ask(
    request: HttpRequest,
    title: str,
    question: str,
    *,
    back: str,
    kept: Mapping[str, str] | None = None,
    tone: str = "danger",
) -> HttpResponse:
    """Show the dialog: `title` is also the verb, and posts to this same address.

    Cancel leads `back`; `kept` are fields that are posted along, `tone` is the
    button's. For htmx it opens over the page it was asked on.
    """
    more = {"kept": kept or {}, "tone": tone}
    return _dialog(request, title, back, {"question": question} | more)


def refuse(
    request: HttpRequest,
    title: str,
    why: str,
    users: Sequence[UsedBy],
    *,
    back: str,
    status: int = 200,
) -> HttpResponse:
    """Show the dialog of something that cannot happen yet: why, and the ones to ask."""
    more = {"question": why, "users": users}
    return _dialog(request, title, back, more, status=status)


def _dialog(
    request: HttpRequest,
    title: str,
    back: str,
    more: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    context = {"title": title, "back": back, **more}
    return render_page(
        request, "components/confirm.html", context, partial="dialog", status=status
    )
