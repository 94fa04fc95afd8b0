"""Who listens to a topic: add, remove, ask for confirmation again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from asyncconfig import graph
from asyncconfig.decisions import loops
from asyncconfig.decisions.loops import Verdict
from asyncconfig.exceptions import TopicGone
from asyncconfig.models import Subscription, Topic
from asyncconfig.services.topics import subscribing
from asyncconfig.services.topics.forms import SubscriptionForm
from console import access
from console.access import Right
from console.pages import dialogs, submitting
from console.pages.services import topics
from console.ui.htmx import posted, redirect_page, render_form
from functions.exceptions import LimitReached
from functions.models import Function

MAX_OFFERED_FUNCTIONS = 200


def _topic(request: HttpRequest, name: str) -> Topic:
    found = access.get_topic(access.get_project(request), name)
    access.require(request.user, Right.CONFIGURE)
    return found


@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, topic: str) -> HttpResponse:
    found = _topic(request, topic)
    form = SubscriptionForm(posted(request), project=found.project)
    paths: list[loops.Path] = []
    if form.is_valid():
        paths = subscribing.loops_of(found, form.cleaned_data["endpoint"].function)
        _check_loops(form, paths)
    if form.is_valid():
        made = _subscribe(found, form)
        if made is not None:
            messages.success(request, _said(made))
            return redirect_page(request, reverse("topic", args=[found.name]))
    return _dialog(request, found, form, paths)


def _check_loops(form: SubscriptionForm, paths: list[loops.Path]) -> None:
    """Refuse a loop until exactly its path has been accepted."""
    match graph.judge(paths, accepted=form.cleaned_data["accepted_loop"] or ""):
        case Verdict.REFUSED:
            form.add_error(
                None, _("Loops are not allowed here. Choose another target.")
            )
        case Verdict.TO_ACCEPT:
            form.add_error(None, _("Accept the loop shown below, or choose another."))


def _subscribe(topic: Topic, form: SubscriptionForm) -> Subscription | None:
    cleaned = form.cleaned_data
    try:
        made, is_new = subscribing.subscribe(
            topic,
            cleaned["protocol"],
            cleaned["endpoint"],
            remark=cleaned["remark"],
        )
    except (TopicGone, LimitReached) as error:
        form.add_error(None, str(error))
        return None
    if is_new:
        return made
    form.add_error("endpoint", _("This endpoint is already subscribed."))
    return None


def _said(made: Subscription) -> str:
    if made.is_confirmed:
        return _("Subscribed.")
    return _(
        "Subscribed. The subscription takes effect once the link that is being sent is "
        "opened."
    )


def _dialog(
    request: HttpRequest, topic: Topic, form: SubscriptionForm, paths: list[loops.Path]
) -> HttpResponse:
    functions = Function.objects.in_project(topic.project).order_by("package", "name")
    context: dict[str, Any] = topics.shown(request, topic) | {
        "functions": [one.shown_name for one in functions[:MAX_OFFERED_FUNCTIONS]],
        "paths": [loops.describe(path) for path in paths],
        "digest": loops.digest(paths),
        "may_accept": graph.are_loops_allowed(),
    }
    form.fields["endpoint"].widget.attrs["list"] = "functions"
    return render_form(request, "services/topics/subscribe.html", form, context)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, topic: str, subscription_id: UUID) -> HttpResponse:
    found = _topic(request, topic)
    subscription = access.get_subscription(found, subscription_id)
    if request.method == "POST":
        subscribing.unsubscribe(subscription)
        messages.success(request, _("Subscription removed."))
        return redirect_page(request, reverse("topic", args=[found.name]))
    question = _("Remove %(endpoint)s? Messages still waiting for it will not be sent.")
    return dialogs.ask(
        request,
        _("Remove subscription"),
        question % {"endpoint": subscription.endpoint},
        back=reverse("topic", args=[found.name]),
    )


@require_POST
def ask_again(request: HttpRequest, topic: str, subscription_id: UUID) -> HttpResponse:
    found = _topic(request, topic)
    asked = access.get_subscription(found, subscription_id)
    done = submitting.once(
        request,
        lambda: (
            "asked"
            if subscribing.ask_again(asked, by=request.user.get_username())
            else ""
        ),
    )
    if done.answer:
        sentence = _("A new link is being sent; the old one no longer works.")
        submitting.say(request, done, sentence)
    else:
        messages.error(request, _("This subscription is already confirmed."))
    return redirect("topic", found.name)
