"""Configuration → Permissions: the agency, and what the destinations need of it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from asyncconfig.config import rights
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination
from asyncconfig.models.config import Chosen
from console.pages.function import heads
from console.pages.function.heads import Head
from console.ui import links
from console.ui.htmx import posted, render_form
from functions import agencies, creating
from functions.exceptions import FunctionsError, Gone
from functions.forms import RunAsForm
from functions.models import Agency


@dataclass(frozen=True)
class Row:
    """An action, whether it is there, and who needs it; `chosen` is None for a wish."""

    action: str
    destination: Destination
    is_granted: bool
    side: str = ""
    chosen: Chosen | None = None
    url: str = ""


@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Show what is needed and granted; a POST gives latest another agency."""
    head = heads.load_settings(request, package, name)
    form = RunAsForm(posted(request), version=head.version)
    if form.is_valid():
        try:
            creating.configure(head.version, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Settings saved."))
            return _back(request, head)
    return _render(request, head, form)


def _render(request: HttpRequest, head: Head, form: RunAsForm) -> HttpResponse:
    rows = _rows(head, request.GET.get("needs", ""))
    lacking = [row.action for row in rows if not row.is_granted]
    agency = head.version.agency
    may_grant = bool(lacking and head.may_configure and agency)
    context: dict[str, Any] = {
        "head": head,
        "section": "permissions",
        "rows": rows,
        "lacking": list(dict.fromkeys(lacking)),
        "may_grant": may_grant,
        "policy": rights.smallest_policy(lacking or [row.action for row in rows]),
        "others": len(agencies.users_of(agency)) - 1 if agency and lacking else 0,
        "is_editable": head.may_configure and head.version.is_latest,
    }
    return render_form(request, "permissions/show.html", form, context, partial="card")


def _rows(head: Head, asked: str) -> list[Row]:
    """Return what saved destinations need, and what a link asked about."""
    needs = rights.needs_of(head.version, head.config)
    rows = [
        Row(
            need.action,
            KINDS[need.chosen.kind],
            need.is_granted,
            need.side,
            need.chosen,
            links.target_url(need.chosen),
        )
        for need in needs
    ]
    if asked in {row.action for row in rows}:
        return rows
    wished = [kind for kind in KINDS.values() if kind.action == asked]
    return rows + [
        Row(asked, kind, not rights.missing(head.version, kind)) for kind in wished
    ]


@require_POST
def grant(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Allow the agency what this function's destinations lack."""
    head = heads.load_settings(request, package, name)
    known = {kind.action for kind in KINDS.values()}
    wanted = [one for one in request.POST.getlist("action") if one in known]
    agency = head.version.agency
    if agency is None or not wanted:
        messages.error(request, _("Choose an agency first, then grant it the rights."))
    else:
        _grant(request, agency, wanted)
    return _back(request, head)


def _grant(request: HttpRequest, agency: Agency, wanted: list[str]) -> None:
    try:
        agencies.grant(agency, wanted)
    except Gone as error:
        messages.error(request, str(error))
        return
    params = {"agency": agency.name, "actions": ", ".join(wanted)}
    messages.success(request, _("Agency %(agency)s now allows %(actions)s.") % params)


def _back(request: HttpRequest, head: Head) -> HttpResponse:
    """Return to the page with what it was opened about."""
    named = [head.function.package, head.function.name]
    kept = request.GET.urlencode()
    return redirect(
        reverse("function-permissions", args=named) + (f"?{kept}" if kept else "")
    )
