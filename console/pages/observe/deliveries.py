"""Notifications of all functions: what each target is owed, and sending it again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig import clock
from asyncconfig.lanes import delivering
from asyncconfig.models import Delivery
from asyncconfig.models.outbox import OutboundQuerySet, target_key_of
from asyncconfig.reports import backlog
from console import access
from console.access import OperatorRight, Right, needs
from console.pages import dialogs, submitting
from console.pages.paging import page_of
from console.pages.services import owed
from console.ui import states
from console.ui.htmx import next_page, redirect_page, render_page

# What a person has chosen to send again, and where that leads to.
ASKED = ("kind", "target", "target_key", "since", "arrived", "next")


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    """List notifications, newest first, of one target or of all."""
    project = access.get_project(request)
    rows = Delivery.objects.filter(function__project=project)
    kind, target = request.GET.get("kind", ""), request.GET.get("target", "")
    if kind and target:
        rows = rows.filter(target_key=target_key_of(project.pk, kind, target))
    status = request.GET.get("status", "")
    if status in states.DELIVERY_FILTERS:
        rows = rows.filter(states.DELIVERY_FILTERS[status])
    related = rows.select_related("function", "invocation").defer(
        "record", "invocation__payload", "invocation__result"
    )
    page = page_of(related, request)
    context = {
        "rows": [_row(delivery) for delivery in page.rows],
        "page": page,
        "status": status,
        "statuses": [
            (key, states.DELIVERY_LOOKS[key]) for key in states.DELIVERY_FILTERS
        ],
        "targets": backlog.by_target(project),
        "chosen": backlog.of_target(project, kind, target) if target else None,
        "since": owed.choices(),
        "back": request.get_full_path(),
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }
    return render_page(request, "deliveries/index.html", context, partial="list")


def _row(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery": delivery,
        "state": states.delivery_state(delivery),
        "may_resend": delivering.may_resend(delivery),
    }


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def resend_one(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Ask, since a target may receive it twice; then send again."""
    delivery = access.get_delivery(access.get_project(request), delivery_id)
    own = reverse("invocation", args=[delivery.invocation.request_id])
    if request.method == "GET":
        question = _(
            "Send the record to %(target)s again? The target may receive it twice."
        )
        return dialogs.ask(
            request,
            _("Resend"),
            question % {"target": delivery.target},
            back=next_page(request, otherwise=own),
            tone="primary",
        )
    done = submitting.once(
        request,
        lambda: (
            "sent"
            if delivering.resend(delivery, by=request.user.get_username())
            else ""
        ),
    )
    if done.answer:
        submitting.say(request, done, _("The notification is being sent again."))
    else:
        messages.error(request, _("This notification has already been delivered."))
    return redirect(next_page(request, otherwise=own))


@require_POST
@needs(Right.CONFIGURE)
def resend(request: HttpRequest) -> HttpResponse:
    """Send again what one target is owed, or all it was sent since a time."""
    project = access.get_project(request)
    target_key = target_key_of(
        project.pk, request.POST.get("kind", ""), request.POST.get("target", "")
    )
    back = next_page(request, otherwise=reverse("deliveries"))
    return _resend(request, Delivery.objects.filter(target_key=target_key), back)


def _resend(request: HttpRequest, rows: OutboundQuerySet, back: str) -> HttpResponse:
    """Ask with the number of what was chosen; once confirmed, send it again."""
    _label, span = owed.SINCE.get(request.POST.get("since", ""), owed.SINCE["all"])
    chosen = delivering.to_resend(
        rows,
        since=clock.now() - span if span else None,
        arrived_too=bool(request.POST.get("arrived")),
    )
    if not request.POST.get("confirmed"):
        count = chosen.count()
        return _ask_for_all(request, count, back) if count else _nothing(request, back)
    done = submitting.once(
        request,
        lambda: str(delivering.resend_all(chosen, by=request.user.get_username())),
    )
    count = int(done.answer)
    if not count:
        return _nothing(request, back)
    told = ngettext(
        "%(n)d notification is being sent again.",
        "%(n)d notifications are being sent again.",
        count,
    )
    submitting.say(request, done, told % {"n": count})
    return redirect(back)


def _nothing(request: HttpRequest, back: str) -> HttpResponse:
    messages.warning(request, _("There is nothing to send again."))
    return redirect_page(request, back)


def _ask_for_all(request: HttpRequest, count: int, back: str) -> HttpResponse:
    question = ngettext(
        "Send %(n)d notification again? The target may receive it twice.",
        "Send %(n)d notifications again? The target may receive them twice.",
        count,
    )
    kept = {name: request.POST[name] for name in ASKED if name in request.POST}
    return dialogs.ask(
        request,
        _("Resend all"),
        question % {"n": count},
        back=back,
        kept=kept | {"confirmed": "yes"},
        tone="primary",
    )


@require_GET
@needs(OperatorRight.LOOK)
def operate(request: HttpRequest) -> HttpResponse:
    """Show operators every project's targets that are owed something."""
    context = {
        "targets": backlog.by_target(),
        "since": owed.choices(),
        "may_act": access.may(request.user, OperatorRight.ACT),
    }
    return render_page(request, "deliveries/operate.html", context, partial="list")


@require_POST
@needs(OperatorRight.ACT)
def operate_resend(request: HttpRequest) -> HttpResponse:
    target_key = request.POST.get("target_key", "")
    rows = Delivery.objects.filter(target_key=target_key)
    return _resend(request, rows, reverse("operator-deliveries"))
