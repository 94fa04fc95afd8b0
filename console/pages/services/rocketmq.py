"""RocketMQ instances: how they are reached, and what was sent there."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig import clock
from asyncconfig.decisions.sides import Side
from asyncconfig.graph import Use
from asyncconfig.models import Delivery, InboundRule, RocketInstance
from asyncconfig.models.config import ROCKETMQ
from asyncconfig.models.outbox import target_key_of
from asyncconfig.services.rocketmq import keeping
from asyncconfig.services.rocketmq.forms import BrokerTopicForm, InstanceForm, RuleForm
from console import access
from console.access import Right, needs
from console.pages import dialogs
from console.pages.paging import page_of
from console.pages.services import deleting, owed
from console.ui import states
from console.ui.htmx import posted, redirect_page, render_form, render_page
from functions.exceptions import FunctionsError, NameTaken, RangeRefused
from functions.models import Project

MAX_SHOWN_USERS = 20


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    """List the project's instances, at most fifty."""
    project = access.get_project(request)
    users, counts = _users(project), _counts(project)
    found = RocketInstance.objects.filter(project=project).select_related("vpc")
    context = {
        "rows": [
            {
                "instance": instance,
                "uses": users.get(str(instance.instance_id), [])[:MAX_SHOWN_USERS],
                "counts": counts.get(str(instance.instance_id), {}),
            }
            for instance in found.order_by("-pk")
        ],
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }
    return render_page(request, "services/rocketmq/index.html", context, partial="rows")


def _users(project: Project) -> dict[str, list[Use]]:
    """Return who tells each instance, by the instance's ID."""
    users: dict[str, list[Use]] = {}
    configs = keeping.configs_telling(project).select_related("version__function")
    for config in configs.order_by("version"):
        instance_id = config.on_failure_target_key.partition("/")[0]
        use = Use(config.version.function, config.version.name, Side.FAILURE)
        users.setdefault(instance_id, []).append(use)
    return users


def _uses(request: HttpRequest, instance: RocketInstance) -> list[Use]:
    users = _users(access.get_project(request))
    return users.get(str(instance.instance_id), [])[:MAX_SHOWN_USERS]


def _counts(project: Project) -> dict[str, dict[str, int]]:
    """Count each instance's messages of a day, and its dead letters."""
    since = clock.now() - timedelta(days=1)
    prefix = target_key_of(project.pk, ROCKETMQ, "")
    counted = (
        Delivery.objects.filter(kind=ROCKETMQ, target_key__startswith=prefix)
        .values("target_key")
        .annotate(
            sent=Count("pk", filter=Q(created_at__gte=since)),
            dead=Count("pk", filter=Q(status=Delivery.Status.FAILED)),
        )
    )
    totals: dict[str, dict[str, int]] = {}
    for row in counted.order_by():
        instance_id = row["target_key"].removeprefix(prefix).partition("/")[0]
        total = totals.setdefault(instance_id, {"sent": 0, "dead": 0})
        total["sent"] += row["sent"]
        total["dead"] += row["dead"]
    return totals


@sensitive_post_parameters("secret_key")
@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    form = InstanceForm(posted(request), project=project)
    if form.is_valid():
        try:
            instance = keeping.create(project, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(_field(error), str(error))
        else:
            messages.success(
                request, _("Instance %(name)s created.") % {"name": instance.name}
            )
            return redirect("rocketmq-instance", instance.instance_id)
    return _edited(request, form, None)


@sensitive_post_parameters("secret_key")
@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def edit(request: HttpRequest, instance_id: UUID) -> HttpResponse:
    instance = _instance(request, instance_id, Right.CONFIGURE)
    form = InstanceForm(posted(request), project=instance.project, instance=instance)
    if form.is_valid():
        try:
            keeping.change(instance, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(_field(error), str(error))
        else:
            messages.success(request, _("Settings saved."))
            return redirect("rocketmq-instance", instance_id)
    return _edited(request, form, instance)


def _posted(request: HttpRequest) -> Any:
    return posted(request)


def _edited(
    request: HttpRequest, form: InstanceForm, instance: RocketInstance | None
) -> HttpResponse:
    context = {"instance": instance}
    return render_form(
        request, "services/rocketmq/edit.html", form, context, partial="page"
    )


def _instance(request: HttpRequest, instance_id: UUID, right: Right) -> RocketInstance:
    project = access.get_project(request)
    instance = access.get_rocket_instance(project, instance_id)
    access.require(request.user, right)
    return instance


@require_GET
@needs(Right.READ)
def show(request: HttpRequest, instance_id: UUID) -> HttpResponse:
    instance = _instance(request, instance_id, Right.READ)
    return _render(request, instance, BrokerTopicForm(), RuleForm())


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def delete(request: HttpRequest, instance_id: UUID) -> HttpResponse:
    """Ask, and then forget the instance; one that failures are sent to stays."""
    instance = _instance(request, instance_id, Right.CONFIGURE)
    uses = _uses(request, instance)
    back = reverse("rocketmq-instance", args=[instance_id])
    if request.method == "POST" and not uses:
        try:
            keeping.delete(instance)
        except FunctionsError as error:
            messages.error(request, str(error))
            return redirect_page(request, back)
        params = {"name": instance.name}
        messages.success(request, _("Instance %(name)s deleted.") % params)
        return redirect_page(request, reverse("rocketmq"))
    question = _(
        "Delete %(name)s? Only the console forgets it: the broker and its messages "
        "stay."
    )
    return deleting.ask(
        request,
        _("Delete instance"),
        question % {"name": instance.name},
        uses,
        back=back,
    )


@require_POST
@needs(Right.READ)
def add_topic(request: HttpRequest, instance_id: UUID) -> HttpResponse:
    instance = _instance(request, instance_id, Right.CONFIGURE)
    form = BrokerTopicForm(request.POST)
    if form.is_valid():
        try:
            keeping.add_topic(instance, form.cleaned_data["topic"])
        except FunctionsError as error:
            form.add_error("topic", str(error))
        else:
            return redirect("rocketmq-instance", instance_id)
    return _render(request, instance, form, RuleForm(), status=422)


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def remove_topic(request: HttpRequest, instance_id: UUID, topic: str) -> HttpResponse:
    """Ask, and then forget a topic; one that failures are sent to stays."""
    instance = _instance(request, instance_id, Right.CONFIGURE)
    if request.method == "GET":
        question = _(
            "Remove topic %(name)s? It can no longer be chosen; the broker keeps it."
        )
        back = reverse("rocketmq-instance", args=[instance_id])
        title = _("Remove topic")
        return dialogs.ask(request, title, question % {"name": topic}, back=back)
    try:
        keeping.remove_topic(instance, topic)
    except FunctionsError as error:
        messages.error(request, str(error))
    return redirect("rocketmq-instance", instance_id)


@require_POST
@needs(Right.READ)
def add_rule(request: HttpRequest, instance_id: UUID) -> HttpResponse:
    instance = _instance(request, instance_id, Right.CONFIGURE)
    form = RuleForm(request.POST)
    if form.is_valid():
        try:
            keeping.add_rule(instance, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(
                "source" if isinstance(error, RangeRefused) else None, str(error)
            )
        else:
            return redirect("rocketmq-instance", instance_id)
    return _render(request, instance, BrokerTopicForm(), form, status=422)


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def remove_rule(request: HttpRequest, instance_id: UUID, rule: int) -> HttpResponse:
    """Ask, and then remove an inbound rule of the instance's security group."""
    instance = _instance(request, instance_id, Right.CONFIGURE)
    found = get_object_or_404(InboundRule, instance=instance, pk=rule)
    if request.method == "GET":
        question = _(
            "Remove the rule for %(ports)s from %(source)s? Notifications that need it "
            "will no longer be sent."
        )
        params = {"ports": found.ports, "source": found.source}
        back = reverse("rocketmq-instance", args=[instance_id])
        return dialogs.ask(request, _("Remove rule"), question % params, back=back)
    found.delete()
    return redirect("rocketmq-instance", instance_id)


def _field(error: FunctionsError) -> str | None:
    return "name" if isinstance(error, NameTaken) else None


def _render(
    request: HttpRequest,
    instance: RocketInstance,
    topic_form: forms.Form,
    rule_form: forms.Form,
    *,
    status: int = 200,
) -> HttpResponse:
    back = reverse("rocketmq-instance", args=[instance.instance_id])
    below = f"{instance.instance_id}/"
    context = owed.below(instance.project, ROCKETMQ, below, back=back) | {
        "instance": instance,
        "topic_form": topic_form,
        "rule_form": rule_form,
        "rules": instance.inbound_rules.order_by("pk"),
        "uses": _uses(request, instance),
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }
    context |= _messages(request, instance)
    return render_page(
        request,
        "services/rocketmq/show.html",
        context,
        partial="messages",
        status=status,
    )


def _messages(request: HttpRequest, instance: RocketInstance) -> dict[str, Any]:
    """Return a page of what was sent to the instance, newest first."""
    prefix = target_key_of(instance.project_id, ROCKETMQ, f"{instance.instance_id}/")
    rows = Delivery.objects.filter(kind=ROCKETMQ, target_key__startswith=prefix)
    related = rows.select_related("invocation__function").defer(
        "record", "invocation__payload", "invocation__result"
    )
    page = page_of(related, request)
    return {
        "messages_sent": [_message(row, prefix) for row in page.rows],
        "page": page,
    }


def _message(row: Delivery, prefix: str) -> dict[str, Any]:
    return {
        "delivery": row,
        "topic": row.target_key.removeprefix(prefix),
        "tag": json.loads(row.param).get("tag") or "",
        "state": states.delivery_state(row),
    }
