"""Topics of this console's SMN: the list, and one with who listens to it."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from asyncconfig import graph
from asyncconfig.exceptions import TopicGone
from asyncconfig.models import Message, MessageDelivery, Subscription, Topic
from asyncconfig.models.config import SMN
from asyncconfig.services.topics import keeping
from asyncconfig.services.topics.forms import TopicForm
from console import access
from console.access import Right, needs
from console.pages.paging import Page, page_of
from console.pages.services import deleting, owed
from console.ui import states
from console.ui.htmx import posted, redirect_page, render_form, render_page
from functions.exceptions import LimitReached, StillUsed

MOVING = ("pending", "sending", "retrying")


def _listed(request: HttpRequest) -> dict[str, Any]:
    project = access.get_project(request)
    found = Topic.objects.filter(project=project).select_related("project")
    page: Page[Topic] = page_of(found, request)
    recent = Message.objects.filter(
        topic__in=page.rows, created_at__gte=timezone.now() - timedelta(hours=24)
    )
    counted = recent.order_by().values_list("topic").annotate(n=Count("pk"))
    counts = dict(counted)
    used = graph.uses_by_key(project, SMN, [one.urn for one in page.rows])
    return {
        "rows": [
            {"topic": one, "recent": counts.get(one.pk, 0), "uses": used[one.urn]}
            for one in page.rows
        ],
        "page": page,
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    return render_page(
        request, "services/topics/index.html", _listed(request), partial="rows"
    )


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    form = TopicForm(posted(request))
    if form.is_valid():
        try:
            topic, is_new = keeping.create(project, **form.cleaned_data)
        except LimitReached as error:
            form.add_error(None, str(error))
        else:
            if is_new:
                params = {"name": topic.name}
                messages.success(request, _("Topic %(name)s created.") % params)
                return redirect_page(request, reverse("topic", args=[topic.name]))
            form.add_error("name", _("A topic with this name already exists."))
    context = _listed(request)
    return render_form(request, "services/topics/create.html", form, context)


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, topic: str) -> HttpResponse:
    found = access.get_topic(access.get_project(request), topic)
    access.require(request.user, Right.CONFIGURE)
    back = reverse("topics")
    if request.method == "POST":
        try:
            keeping.delete(found)
        except TopicGone:
            return redirect_page(request, back)
        except StillUsed:
            pass  # the dialog says by whom, with links
        else:
            params = {"name": found.name}
            messages.success(request, _("Topic %(name)s deleted.") % params)
            return redirect_page(request, back)
    subscribers = found.subscriptions.count()
    question = ngettext(
        "Delete %(name)s with its messages and %(n)s subscription? "
        "This can't be undone.",
        "Delete %(name)s with its messages and %(n)s subscriptions? "
        "This can't be undone.",
        subscribers,
    )
    return deleting.ask(
        request,
        _("Delete topic"),
        question % {"name": found.name, "n": subscribers},
        graph.uses_of(found.project, SMN, found.urn),
        back=back,
    )


@require_GET
def show(request: HttpRequest, topic: str) -> HttpResponse:
    found = access.get_topic(access.get_project(request), topic)
    access.require(request.user, Right.READ)
    context = shown(request, found)
    return render_page(
        request, "services/topics/show.html", context, partial="messages"
    )


def shown(request: HttpRequest, topic: Topic) -> dict[str, Any]:
    """Return what the page of a topic shows, below its dialogs too."""
    subscribed = Subscription.objects.filter(topic=topic).select_related("function")
    subscriptions = page_of(subscribed, request, field="subscriptions_before")
    published = Message.objects.filter(topic=topic).defer("body", "structure")
    related = published.select_related("source_delivery__invocation__function").defer(
        "source_delivery__record",
        "source_delivery__invocation__payload",
        "source_delivery__invocation__result",
    )
    page: Page[Message] = page_of(related, request)
    summaries = _summaries(page.rows)
    back = reverse("topic", args=[topic.name])
    return owed.of_target(topic.project, SMN, topic.urn, back=back) | {
        "topic": topic,
        "uses": graph.uses_of(topic.project, SMN, topic.urn),
        "subscriptions": subscriptions,
        "invitations": _invitations(subscriptions.rows),
        "rows": [
            {"message": one, "summary": summaries.get(one.pk, [])} for one in page.rows
        ],
        "page": page,
        "is_moving": any(
            item["key"] in MOVING for summary in summaries.values() for item in summary
        ),
        "may_configure": access.may(request.user, Right.CONFIGURE),
        "may_invoke": access.may(request.user, Right.INVOKE),
    }


def _summaries(rows: Sequence[Message]) -> dict[int, list[dict[str, Any]]]:
    """Count each message's subscribers by state, in one query."""
    owed = MessageDelivery.objects.filter(message__in=rows).order_by()
    grouped = owed.values("message", "status", "attempts").annotate(n=Count("pk"))
    counts: dict[int, Counter[str]] = {}
    for row in grouped:
        one = MessageDelivery(status=row["status"], attempts=row["attempts"])
        counter = counts.setdefault(row["message"], Counter())
        counter[states.delivery_key(one)] += row["n"]
    return {
        message: [
            {"key": key, "look": look, "n": counter[key]}
            for key, look in states.DELIVERY_LOOKS.items()
            if counter[key]
        ]
        for message, counter in counts.items()
    }


def _invitations(rows: Sequence[Subscription]) -> dict[int, states.State]:
    """Return how far the newest request to confirm of each subscription has come."""
    waiting = [one.pk for one in rows if not one.is_confirmed]
    asked = MessageDelivery.objects.filter(message=None, subscription__in=waiting)
    return {
        one.subscription_id or 0: states.delivery_state(one)
        for one in asked.order_by("pk")
    }
