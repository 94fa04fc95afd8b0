"""Invocation logs, live; and one invocation with all that happened to it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig.config import rights
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import NotAccepted, NotCancellable
from asyncconfig.invocations import accepting, cancelling, finishing
from asyncconfig.lanes import delivering
from asyncconfig.models import Attempt, Delivery, Invocation
from asyncconfig.models.invocation import InvocationQuerySet
from console import access
from console.access import Right, needs
from console.pages import submitting
from console.pages.function import async_dialog, heads
from console.pages.observe import chain
from console.pages.paging import page_of
from console.ui import links, states
from console.ui.htmx import render_page
from functions.models import Function
from functions.qualifiers import Resolved

PARTS = ("input", "output", "record")
MAX_COUNTED_ROWS = 10_000
RESENDABLE = (Delivery.Status.FAILED, Delivery.Status.WAIT)
RANGES = {
    "1h": (gettext_lazy("Last hour"), timedelta(hours=1)),
    "3h": (gettext_lazy("Last 3 hours"), timedelta(hours=3)),
    "12h": (gettext_lazy("Last 12 hours"), timedelta(hours=12)),
    "1d": (gettext_lazy("Last day"), timedelta(days=1)),
    "3d": (gettext_lazy("Last 3 days"), timedelta(days=3)),
}


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    rows = Invocation.objects.in_project(project)
    context = _log(request, rows) | {"head": None}
    return render_page(request, "invocations/index.html", context, partial="log")


@require_GET
def logs(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = heads.load(request, package, name, tab="monitoring", right=Right.READ)
    rows = Invocation.objects.filter(function=head.function)
    context = _log(request, rows) | {"head": head}
    return render_page(request, "invocations/logs.html", context, partial="log")


def _log(request: HttpRequest, rows: InvocationQuerySet) -> dict[str, Any]:
    """Return a page of the log under the filters of the query."""
    span = request.GET.get("range", "1h")
    span = span if span in RANGES else "1h"
    since = timezone.now() - RANGES[span][1]
    rows = rows.filter(accepted_at__gte=since)
    text = request.GET.get("q", "").strip()
    if text:
        rows = rows.filter(_matching(text))
    counts = _counts(rows)
    status = request.GET.get("status", "")
    if status in states.FILTERS:
        rows = rows.filter(states.FILTERS[status])
    related = rows.select_related("version", "function", "config", "delivery")
    page = page_of(related.without_bodies().defer("delivery__record"), request)
    return {
        "rows": _rows(page.rows),
        "page": page,
        "statuses": [
            {"key": key, "look": states.LOOKS[key], "count": counts.get(key, 0)}
            for key in states.FILTERS
        ],
        "total": sum(counts.values()),
        "status": status,
        "text": text,
        "range": span,
        "ranges": [(key, label) for key, (label, _span) in RANGES.items()],
    }


def _matching(text: str) -> Q:
    """Match an ID's beginning, or words of the error."""
    digits = text.replace("-", "").lower()
    if len(digits) == 32 and all(c in "0123456789abcdef" for c in digits):
        return Q(request_id=UUID(digits))
    return Q(error__icontains=text) | Q(request_id__startswith=text.lower())


def _counts(rows: InvocationQuerySet) -> dict[str, int]:
    """Count by state, reading no more than the newest MAX_COUNTED_ROWS rows."""
    newest = rows.newest_first().values("pk")[:MAX_COUNTED_ROWS]
    counted = Invocation.objects.filter(pk__in=newest).aggregate(
        **{key: Count("pk", filter=rule) for key, rule in states.FILTERS.items()}
    )
    return {key: int(number) for key, number in counted.items()}


def _rows(page: Sequence[Invocation]) -> list[dict[str, Any]]:
    runs = Attempt.objects.filter(invocation__in=page, is_late=False).order_by()
    summed = runs.values_list("invocation").annotate(ran=Sum("duration_ms"))
    ran = dict(summed)
    return [_row(one, ran_ms=ran.get(one.pk)) for one in page]


def _row(invocation: Invocation, *, ran_ms: float | None) -> dict[str, Any]:
    """Return what list and detail show; `ran_ms` is all its runs, without the waits."""
    started = invocation.first_started_at
    delivery = getattr(invocation, "delivery", None)
    return {
        "invocation": invocation,
        "state": states.display_state(invocation),
        "dots": states.dots(invocation),
        "started": started,
        "wait_ms": _ms(invocation.accepted_at, started),
        "run_ms": ran_ms,
        "delivery": delivery,
        "delivery_state": states.delivery_state(delivery) if delivery else None,
    }


def _ms(start: Any, end: Any) -> float | None:
    return (end - start).total_seconds() * 1000 if start and end else None


@require_GET
@needs(Right.READ)
def detail(request: HttpRequest, request_id: UUID) -> HttpResponse:
    invocation = access.get_invocation(access.get_project(request), request_id)
    return _render(request, invocation)


def _render(
    request: HttpRequest,
    invocation: Invocation,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    attempts = list(invocation.attempt_set.all())
    number = request.GET.get("attempt", "")
    chosen = next((a for a in attempts if str(a.epoch) == number), None)
    ran = [one.duration_ms for one in attempts if not one.is_late]
    context = {
        **_row(invocation, ran_ms=sum(ran) if ran else None),
        "attempts": [
            {"attempt": one, "state": states.attempt_state(one)} for one in attempts
        ],
        "chosen": chosen,
        "why_not_run": states.why_not_run(invocation),
        "omitted": _omitted(invocation),
        "log": (chosen or (attempts[-1] if attempts else None)),
        "records": _deliveries(invocation),
        "no_target": _no_target(invocation),
        "passed_over": _passed_over(invocation),
        "validity_s": (invocation.deadline - invocation.accepted_at).total_seconds(),
        "age_ms": _ms(invocation.accepted_at, invocation.finished_at),
        "may_invoke": access.may(request.user, Right.INVOKE),
        "may_configure": access.may(request.user, Right.CONFIGURE),
        "result": bytes(invocation.result),
        "payload": bytes(invocation.payload),
        "newer_config": _newer_config(invocation),
        "problem": problem,
    }
    return render_page(
        request, "invocations/detail.html", context, partial="detail", status=status
    )


def _deliveries(invocation: Invocation) -> list[dict[str, Any]]:
    deliveries = Delivery.objects.filter(invocation=invocation).select_related(
        "child__function"
    )
    return [
        {
            "delivery": delivery,
            "state": states.delivery_state(delivery),
            **_tries(delivery),
            "record": bytes(delivery.record),
            "child": getattr(delivery, "child", None),
            "url": links.arrived_url(delivery),
            "permissions": _permissions_url(invocation, delivery),
            "may_resend": delivering.may_resend(delivery),
        }
        for delivery in deliveries
    ]


def _tries(delivery: Delivery) -> dict[str, Any]:
    """Return the tries, and the one that says already why the delivery is stuck."""
    tries = list(delivery.attempt_set.all())
    last = next((one for one in reversed(tries) if not one.is_late), None)
    stuck = delivery.status != Delivery.Status.DELIVERED and delivery.reason
    says_why = last is not None and last.answer == stuck
    return {"tries": tries, "stuck": stuck, "said_by": last if says_why else None}


def _permissions_url(invocation: Invocation, delivery: Delivery) -> str:
    """Return where the right is set that a delivery still lacks; "" when none."""
    kind, version = KINDS.get(delivery.kind), invocation.version
    if delivery.status not in RESENDABLE or kind is None:
        return ""
    if invocation.function.deleted_at or not rights.missing(version, kind):
        return ""
    return async_dialog.permissions_url(invocation.function, version.name, kind.action)


def _no_target(invocation: Invocation) -> str:
    """Say why a side that might have been told was not."""
    if invocation.mode == Invocation.Mode.SYNC:
        return _("Sync runs do not retry and do not notify.")
    if invocation.config is None:
        return _("No notifications configured.")
    if not invocation.is_finished or hasattr(invocation, "delivery"):
        return ""
    return _("No target is configured for this outcome.")


def _passed_over(invocation: Invocation) -> list[dict[str, Any]]:
    """Return the target of the outcome that an ended invocation did not have."""
    if not invocation.is_finished:
        return []
    side = Side.after(invocation.status).other
    state = states.passed_over(invocation)
    return [
        one | {"state": state}
        for one in chain.untold(invocation)
        if one["side"] == side
    ]


def _omitted(invocation: Invocation) -> int:
    """Return how large an input was that its record does not hold; 0 where it does."""
    size = len(invocation.payload)
    is_told = hasattr(invocation, "delivery")
    return size if is_told and size > finishing.payload_limit() else 0


def _newer_config(invocation: Invocation) -> bool:
    return bool(invocation.config and not invocation.config.is_current)


@require_http_methods(["GET", "POST"])
@needs(Right.INVOKE)
def cancel(request: HttpRequest, request_id: UUID) -> HttpResponse:
    invocation = access.get_invocation(access.get_project(request), request_id)
    if request.method == "GET":
        context = {"invocation": invocation, "state": states.display_state(invocation)}
        return render_page(
            request, "invocations/cancel.html", context, partial="dialog"
        )
    try:
        cancelling.cancel(
            invocation,
            by=request.user.get_username(),
            force=bool(request.POST.get("force")),
            recursive=bool(request.POST.get("recursive")),
        )
    except NotCancellable as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The request is being stopped."))
    return redirect("invocation", request_id)


@require_POST
@needs(Right.INVOKE)
def rerun(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Accept the same input again, as a new request of the same version."""
    invocation = access.get_invocation(access.get_project(request), request_id)
    origin = accepting.Origin(
        by=request.user.get_username(), rerun_of=invocation.request_id
    )

    def accept() -> str:
        again = accepting.accept(
            Resolved(invocation.version, invocation.alias),
            bytes(invocation.payload),
            origin=origin,
        )
        return str(again.request_id)

    try:
        done = submitting.once(request, accept)
    except NotAccepted as error:
        return _render(request, invocation, problem=str(error), status=409)
    submitting.say(request, done, _("Accepted as a new request."))
    return redirect("invocation", done.answer)


@require_GET
@needs(Right.READ)
def body(request: HttpRequest, request_id: UUID, part: str) -> HttpResponse:
    """Download the input, the output, or the record, as the bytes they are."""
    if part not in PARTS:
        raise Http404
    invocation = access.get_invocation(access.get_project(request), request_id)
    if part == "record":
        delivery = Delivery.objects.filter(invocation=invocation).first()
        content = bytes(delivery.record) if delivery else b""
    else:
        content = bytes(invocation.payload if part == "input" else invocation.result)
    response = HttpResponse(content, content_type="application/octet-stream")
    name = f"{invocation.request_id}-{part}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def recent_by(user: str, function: Function, *, but: int) -> InvocationQuerySet:
    rows = Invocation.objects.filter(function=function, accepted_by=user)
    rows = rows.exclude(pk=but)
    return rows.newest_first().without_bodies()[:10]
