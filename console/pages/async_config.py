"""Configuration → Async configuration: the summary, the dialog and its live panel."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig import agencies, configuring, loops, policies, record
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import ParamForm
from asyncconfig.exceptions import Conflict
from asyncconfig.forms import SIDES, AsyncConfigForm
from asyncconfig.models import AsyncConfig
from asyncconfig.models.config import (
    DEFAULT_AGE_SECONDS,
    DEFAULT_RETRIES,
    MAX_AGE_SECONDS,
    MAX_RETRIES,
)
from asyncconfig.schedule import Policy
from console import drawing
from console.access import Right
from console.htmx import redirect_page, render_page
from console.pages import heads
from console.pages.heads import Head
from functions import names
from functions.models import Function

SAMPLE_TIME = datetime(2020, 8, 20, 4, tzinfo=UTC)


def _head(request: HttpRequest, package: str, name: str, right: Right) -> Head:
    head = heads.load(request, package, name, tab="settings", right=right)
    # An alias shows its version's configuration, and cannot change it.
    head.may_configure = head.may_configure and not head.qualifier.startswith("!")
    return head


@require_GET
def summary(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = _head(request, package, name, Right.READ)
    config = head.config
    retries = config.max_retries if config else 0
    age = config.max_age_seconds if config else DEFAULT_AGE_SECONDS
    context = {
        "head": head,
        "section": "async",
        "config": config,
        "schedule": drawing.schedule(policies.from_numbers(retries, age)),
        "sides": _sides(config) if config else [],
    }
    return render_page(request, "async_config/summary.html", context, partial="card")


def _sides(config: AsyncConfig) -> list[dict[str, Any]]:
    return [
        {"side": side, "chosen": config.destination(succeeded=side == "success")}
        for side in SIDES
    ]


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = _head(request, package, name, Right.CONFIGURE)
    data = request.POST if request.method == "POST" else None
    form = AsyncConfigForm(data, version=head.version, config=head.config)
    if form.is_valid() and not head.qualifier.startswith("!"):
        try:
            _save(request, head, form)
        except Conflict:
            return _dialog(request, head, form, conflict=_current(head), status=409)
        messages.success(request, _("Async configuration saved."))
        return _back(request, head)
    return _dialog(request, head, form, status=422 if form.is_bound else 200)


def _save(request: HttpRequest, head: Head, form: AsyncConfigForm) -> None:
    by = request.user if isinstance(request.user, User) else None
    configuring.save(
        head.version,
        form.wanted(),
        by=by,
        expected=form.cleaned_data["revision"] or 0,
    )


def _current(head: Head) -> AsyncConfig | None:
    """Return the revision that somebody else put in force meanwhile."""
    return AsyncConfig.objects.filter(version=head.version, is_current=True).first()


def _back(request: HttpRequest, head: Head) -> HttpResponse:
    url = reverse("function-async", args=[head.function.package, head.function.name])
    return redirect_page(request, url + head.query)


def _dialog(
    request: HttpRequest,
    head: Head,
    form: AsyncConfigForm,
    *,
    conflict: AsyncConfig | None = None,
    status: int,
) -> HttpResponse:
    context = _panel(head, form) | {
        "section": "async",
        "conflict": conflict,
        "now_revision": configuring.revision_of(head.version),
        "sides": [_side(head, form, side) for side in SIDES],
        "limits": {"retries": MAX_RETRIES, "age": MAX_AGE_SECONDS},
    }
    return render_page(
        request, "async_config/edit.html", context, partial="dialog", status=status
    )


def _side(head: Head, form: AsyncConfigForm, side: str) -> dict[str, Any]:
    return {
        "side": side,
        "kind": form.kind_of(side),
        "kinds": [kind for kind in KINDS.values() if side in kind.sides],
        "params": form.params[side],
        "errors": form.errors.get(f"{side}_kind", []) if form.is_bound else [],
        "functions": (functions := _functions(head)),
        "unknown": _unknown(form.params[side], functions),
        "qualifiers": _qualifiers(head, form, side),
    }


def _functions(head: Head) -> list[dict[str, Any]]:
    """Return the project's functions, each marked when it leads back to this one."""
    graph = configuring.graph_of(head.version)
    source = configuring.node(head.function)
    found = []
    for function in Function.objects.in_project(head.function.project).order_by("name"):
        edge = loops.Edge(loops.SUCCESS, configuring.node(function))
        found.append(
            {
                "name": configuring.node(function),
                "is_self": function.pk == head.function.pk,
                "leads_back": bool(
                    loops.paths_back(graph, source=source, edges=[edge])
                ),
            }
        )
    return sorted(found, key=lambda one: (one["is_self"], one["name"]))


def _unknown(params: ParamForm | None, functions: list[dict[str, Any]]) -> str:
    """Return the function that was typed but does not exist: what is typed stays."""
    chosen = _function_of(params)
    return "" if chosen in [one["name"] for one in functions] else chosen


def _function_of(params: ParamForm | None) -> str:
    """Return the function that is chosen now, where the target is one."""
    if params is None or "function" not in params.fields:
        return ""
    return str(params["function"].value() or "")


def _qualifiers(head: Head, form: AsyncConfigForm, side: str) -> list[str]:
    """Return the versions and aliases of the function that is chosen now."""
    chosen = _function_of(form.params[side])
    if not chosen:
        return [names.LATEST]
    package, _slash, name = chosen.rpartition("/")
    functions = Function.objects.in_project(head.function.project)
    function = functions.filter(package=package or "default", name=name).first()
    return heads.qualifiers_of(function) if function else ["latest"]


def _policy(form: AsyncConfigForm) -> Policy:
    """Return the policy of the numbers as typed; the last valid ones where not."""
    return policies.from_numbers(
        _number(form, "max_retries", DEFAULT_RETRIES),
        _number(form, "max_age_seconds", DEFAULT_AGE_SECONDS),
    )


def _number(form: AsyncConfigForm, name: str, otherwise: int) -> int:
    if not form.is_bound:
        return int(form.initial[name])
    form.is_valid()
    value = form.cleaned_data.get(name)
    return otherwise if value is None else int(value)


def _checks(head: Head, form: AsyncConfigForm) -> dict[str, Any]:
    """Say what the server will say when this is saved."""
    probe = form
    if not form.is_bound and form.config:
        probe = AsyncConfigForm(
            _data_of(form), version=head.version, config=form.config
        )
    if probe.is_bound:
        probe.is_valid()
    kinds = [KINDS[k] for side in SIDES if (k := probe.kind_of(side)) in KINDS]
    actions = list(dict.fromkeys(kind.action for kind in kinds))
    return {
        "targets": [t for side in SIDES if (t := probe.target(side))],
        "asked": bool(kinds),
        "agency": head.version.agency,
        "missing": [
            sentence
            for action in actions
            if (sentence := agencies.missing(head.version.agency, action))
        ],
        "policy": agencies.smallest_policy(actions[0]) if actions else "",
        "paths": [loops.describe(path) for path in probe.paths],
        "digest": probe.loop_digest,
        "is_accepted": bool(probe.paths)
        and probe.data.get("accepted_loop") == probe.loop_digest,
    }


def _data_of(form: AsyncConfigForm) -> dict[str, Any]:
    """Return the stored configuration as the dialog would send it."""
    data = {
        name: form.initial.get(name, "")
        for name in ("max_retries", "max_age_seconds", "accepted_loop")
    }
    for side in SIDES:
        data[f"{side}_kind"] = form.kind_of(side)
        for name, value in form.initial[f"{side}_param"].items():
            data[f"{side}-{name}"] = value
    return data


def _sample(head: Head) -> bytes:
    facts = record.Facts(
        accepted_at=SAMPLE_TIME,
        request_id="1167bf8c-87b0-43ab-8f5f-26b16c64f252",
        function_urn=head.version.urn,
        condition="",
        attempts=1,
        payload=b'{"key": "value"}',
        status_code=200,
        error="",
        result=b"hello world!",
    )
    return record.serialise(record.build(facts, zone=UTC))


@require_POST
def preview(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Draw the schedule and the checks for what is typed; changes nothing.

    A POST, because the form holds the CSRF token and has no business in a URL.
    """
    head = _head(request, package, name, Right.CONFIGURE)
    form = AsyncConfigForm(request.POST, version=head.version, config=head.config)
    context = _panel(head, form)
    return render_page(request, "async_config/panel.html", context, partial="panel")


def _panel(head: Head, form: AsyncConfigForm) -> dict[str, Any]:
    """Return what the live panel shows for the form as it stands."""
    return {
        "head": head,
        "form": form,
        "schedule": drawing.schedule(_policy(form)),
        "checks": _checks(head, form),
        "sample": _sample(head),
    }


@require_POST
def params(request: HttpRequest, package: str, name: str, side: str) -> HttpResponse:
    """Render the parameters of the target service that was chosen; changes nothing."""
    head = _head(request, package, name, Right.CONFIGURE)
    form = AsyncConfigForm(request.POST, version=head.version, config=head.config)
    if side not in SIDES:
        raise Http404
    context = {"head": head, "side": _fresh_side(head, form, side)}
    return render_page(request, "async_config/params.html", context, partial="params")


def _fresh_side(head: Head, form: AsyncConfigForm, side: str) -> dict[str, Any]:
    """Return a side whose parameters are not yet judged: they were just opened."""
    destination = KINDS.get(form.kind_of(side))
    if destination is not None:
        initial = {
            name: form.data.get(f"{side}-{name}")
            for name in destination.form(head.version).fields
            if form.data.get(f"{side}-{name}")
        }
        form.params[side] = destination.form(
            head.version, initial=initial or None, prefix=side
        )
    return _side(head, form, side) | {"errors": []}


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = _head(request, package, name, Right.CONFIGURE)
    if request.method == "POST":
        by = request.user if isinstance(request.user, User) else None
        configuring.remove(head.version, by=by)
        messages.success(request, _("Async configuration removed."))
        return _back(request, head)
    context = {"head": head, "section": "async"}
    return render_page(request, "async_config/remove.html", context, partial="dialog")
