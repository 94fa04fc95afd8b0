"""Configuration → Async configuration: the summary, the dialog and its live panel."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig import clock, policies
from asyncconfig.config import rights, saving
from asyncconfig.config.forms import AsyncConfigForm
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import Conflict
from asyncconfig.models import AsyncConfig
from asyncconfig.models.config import DEFAULT_AGE_SECONDS
from asyncconfig.reports import statistics
from asyncconfig.reports.statistics import Arrivals
from console import access
from console.access import Right
from console.pages import dialogs
from console.pages.function import heads
from console.pages.function.async_dialog import CheckLine, Dialog, permissions_url
from console.pages.function.heads import Head
from console.ui import drawing, links
from console.ui.htmx import redirect_page, render_page, wants_fragment


def load(request: HttpRequest, package: str, name: str, right: Right) -> Head:
    head = heads.load(request, package, name, tab="settings", right=right)
    # An alias shows its version's configuration, and cannot change it.
    head.may_configure = head.may_configure and not head.qualifier.startswith("!")
    return head


@require_GET
def summary(request: HttpRequest, package: str, name: str) -> HttpResponse:
    return render_summary(request, load(request, package, name, Right.READ))


def render_summary(
    request: HttpRequest, head: Head, *, probed: Any = None, status: int = 200
) -> HttpResponse:
    """Render the card; `probed` is what came of a test, by its side."""
    config = head.config
    retries = config.max_retries if config else 0
    age = config.max_age_seconds if config else DEFAULT_AGE_SECONDS
    context = {
        "head": head,
        "section": "async",
        "config": config,
        "schedule": drawing.schedule(policies.from_numbers(retries, age)),
        "sides": _sides(head, config, probed or {}) if config else [],
        "checks": _checks(head, config) if config else [],
    }
    return render_page(
        request, "async_config/summary.html", context, partial="card", status=status
    )


def _sides(
    head: Head, config: AsyncConfig, probed: dict[str, Any]
) -> list[dict[str, Any]]:
    since = clock.now() - timedelta(days=1)
    arrivals = statistics.arrivals(head.version, since=since)
    return [
        {
            "side": side,
            "chosen": (chosen := config.destination(side)),
            "destination": KINDS.get(chosen.kind),
            "url": links.target_url(chosen),
            "arrivals": arrivals.get(side, Arrivals()),
            "probed": probed.get(side),
        }
        for side in Side
    ]


def _checks(head: Head, config: AsyncConfig) -> list[CheckLine]:
    """Say what a notification would meet, as far as this console knows by itself."""
    if not any(config.destination(side).kind for side in Side):
        return []
    params = {"agency": head.version.agency}
    fine = CheckLine("ok", _("Agency %(agency)s allows it") % params)
    return list(_troubles(head, config)) or [fine]


def _troubles(head: Head, config: AsyncConfig) -> Iterator[CheckLine]:
    for side in Side:
        chosen = config.destination(side)
        destination = KINDS.get(chosen.kind)
        if destination is None:
            continue
        try:
            target = destination.read(chosen.param, head.version)
        except ValidationError as error:
            yield CheckLine("bad", " ".join(error.messages), side)
            continue
        missing = rights.missing(head.version, destination, target.name)
        if missing:
            function, action = head.function, destination.action
            url = permissions_url(function, head.qualifier, action)
            yield CheckLine("bad", missing, side, url)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = load(request, package, name, Right.CONFIGURE)
    data = _posted(request, head) if request.method == "POST" else None
    form = AsyncConfigForm(data, version=head.version, config=head.config, fresh=True)
    if form.is_valid() and not head.qualifier.startswith("!"):
        try:
            _save(request, head, form)
        except Conflict:
            return render_dialog(
                request, head, form, conflict=_current(head), status=409
            )
        messages.success(request, _("Async configuration saved."))
        return _back(request, head)
    status = 422 if form.is_bound else 200
    return render_dialog(request, head, form, status=status)


def _posted(request: HttpRequest, head: Head) -> QueryDict:
    """Return what was sent, with what the fields that were not there begin with.

    Without JavaScript a kind is chosen before its fields are on the page.
    """
    data = request.POST.copy()
    for side in Side:
        destination = KINDS.get(data.get(f"{side}_kind") or "")
        fields = destination.form(head.version).fields if destination else {}
        for name, field in fields.items():
            if field.initial is not None:
                data.setdefault(f"{side}-{name}", str(field.initial))
    return data


def _save(request: HttpRequest, head: Head, form: AsyncConfigForm) -> None:
    saving.save(
        head.version,
        form.wanted(),
        by=access.person(request),
        expected=form.cleaned_data["revision"] or 0,
    )


def _current(head: Head) -> AsyncConfig | None:
    """Return the revision that somebody else put in force meanwhile."""
    return AsyncConfig.objects.filter(version=head.version, is_current=True).first()


def _back(request: HttpRequest, head: Head) -> HttpResponse:
    url = reverse("function-async", args=[head.function.package, head.function.name])
    return redirect_page(request, url + head.query)


def render_dialog(
    request: HttpRequest,
    head: Head,
    form: AsyncConfigForm,
    *,
    conflict: AsyncConfig | None = None,
    probed: dict[str, Any] | None = None,
    status: int,
) -> HttpResponse:
    """Render the dialog for a form; `probed` is what came of a test, by its side."""
    context = Dialog(head, form).whole() | {
        "section": "async",
        "conflict": conflict,
        "now_revision": saving.revision_of(head.version),
    }
    for side in context["sides"]:
        side["probed"] = (probed or {}).get(side["side"])
    return render_page(
        request, "async_config/edit.html", context, partial="dialog", status=status
    )


@require_POST
def preview(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Draw the schedule and the checks for what is typed; changes nothing.

    A POST, because the form holds the CSRF token and has no business in a URL. With
    `recheck` the services are asked again; without htmx it is the whole dialog.
    """
    head = load(request, package, name, Right.CONFIGURE)
    form = AsyncConfigForm(
        _posted(request, head),
        version=head.version,
        config=head.config,
        fresh="recheck" in request.POST,
    )
    if not wants_fragment(request):
        return render_dialog(request, head, form, status=200)
    dialog = Dialog(head, form)
    context = dialog.panel() | {"said": dialog.said()}
    return render_page(request, "async_config/panel.html", context, partial="panel")


@require_POST
def params(request: HttpRequest, package: str, name: str, side: str) -> HttpResponse:
    """Render the parameters of the target service that was chosen; changes nothing."""
    head = load(request, package, name, Right.CONFIGURE)
    form = AsyncConfigForm(request.POST, version=head.version, config=head.config)
    fresh = Side.read(side)
    if fresh is None:
        raise Http404
    dialog = Dialog(head, form, fresh=fresh)
    context = {"head": head, "side": dialog.side(fresh)}
    return render_page(request, "async_config/params.html", context, partial="params")


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = load(request, package, name, Right.CONFIGURE)
    if request.method == "POST":
        saving.remove(head.version, by=access.person(request))
        messages.success(request, _("Async configuration removed."))
        return _back(request, head)
    question = _(
        "Remove the async configuration of %(fn)s? Requests then use the defaults, and "
        "no notifications are sent."
    )
    return dialogs.ask(
        request,
        _("Remove configuration"),
        question % {"fn": name},
        back=reverse("function-async", args=[package, name]) + head.query,
    )
