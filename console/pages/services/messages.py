"""A topic's messages: publish one, see who received it, send it again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig.exceptions import TopicGone
from asyncconfig.lanes import messaging
from asyncconfig.models import MessageDelivery, Topic
from asyncconfig.services.topics import keeping
from asyncconfig.services.topics.forms import PublishForm
from console import access
from console.access import Right
from console.door.limits import form_with, takes
from console.pages import submitting
from console.pages.paging import page_of
from console.pages.services import topics
from console.ui import states
from console.ui.htmx import posted, redirect_page, render_form, render_page


@takes(form_with(keeping.MAX_MESSAGE_BYTES))
@require_http_methods(["GET", "POST"])
def publish(request: HttpRequest, topic: str) -> HttpResponse:
    """Publish a message by hand, to see what the subscribers make of it."""
    found = access.get_topic(access.get_project(request), topic)
    access.require(request.user, Right.INVOKE)
    form = PublishForm(
        posted(request),
        initial={"time_to_live": keeping.USUAL_LIFE},
    )
    if form.is_valid():
        try:
            done = submitting.once(request, lambda: _publish(found, form))
        except TopicGone as error:
            form.add_error(None, str(error))
        else:
            submitting.say(request, done, _("Message published."))
            return redirect_page(request, _url(found.name, done.answer))
    context = topics.shown(request, found)
    return render_form(request, "services/topics/publish.html", form, context)


def _publish(topic: Topic, form: PublishForm) -> str:
    return str(keeping.publish(topic, form.publication()).message_id)


def _url(topic: str, message_id: str) -> str:
    return reverse("message", args=[topic, message_id])


@require_GET
def show(request: HttpRequest, topic: str, message_id: UUID) -> HttpResponse:
    found = access.get_topic(access.get_project(request), topic)
    access.require(request.user, Right.READ)
    message = access.get_message(found, message_id)
    owed = MessageDelivery.objects.filter(message=message)
    related = owed.select_related("subscription__function", "child__function")
    related = related.prefetch_related("attempt_set")
    page = page_of(related, request)
    context = {
        "topic": found,
        "message": message,
        "body": bytes(message.body),
        "rows": [_row(one) for one in page.rows],
        "page": page,
        "is_moving": any(not one.is_finished for one in page.rows),
        "may_configure": access.may(request.user, Right.CONFIGURE),
        "has_failed": owed.failed().exists(),
    }
    return render_page(
        request, "services/topics/message.html", context, partial="subscribers"
    )


def _row(message_delivery: MessageDelivery) -> dict[str, Any]:
    state = states.delivery_state(message_delivery)
    return {
        "message_delivery": message_delivery,
        "state": state,
        "child": getattr(message_delivery, "child", None),
        "may_resend": message_delivery.subscription is not None
        and state.key in ("failed", "retrying"),
    }


@require_POST
def resend(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    found = access.get_message_delivery(access.get_project(request), delivery_id)
    access.require(request.user, Right.CONFIGURE)
    if found.subscription is None:
        messages.error(request, _("The subscriber has unsubscribed."))
    else:
        _resend(request, found)
    if found.message is None:
        return redirect("topic", found.subscription.topic.name)  # type: ignore[union-attr]
    return redirect("message", found.message.topic.name, found.message.message_id)


def _resend(request: HttpRequest, message_delivery: MessageDelivery) -> None:
    done = submitting.once(
        request,
        lambda: (
            "sent"
            if messaging.resend(message_delivery, by=request.user.get_username())
            else ""
        ),
    )
    if done.answer:
        submitting.say(request, done, _("The message is being sent again."))
    else:
        messages.error(request, _("This message has already been delivered."))


@require_POST
def resend_all(request: HttpRequest, topic: str, message_id: UUID) -> HttpResponse:
    """Send a message again to all subscribers that it could not be delivered to."""
    found = access.get_topic(access.get_project(request), topic)
    access.require(request.user, Right.CONFIGURE)
    message = access.get_message(found, message_id)
    dead = MessageDelivery.objects.failed().filter(
        message=message, subscription__isnull=False
    )
    done = submitting.once(
        request, lambda: str(messaging.resend_all(dead, by=request.user.get_username()))
    )
    n = int(done.answer)
    sentence = ngettext(
        "The message is being sent again to %(n)d subscriber.",
        "The message is being sent again to %(n)d subscribers.",
        n,
    )
    submitting.say(request, done, sentence % {"n": n})
    return redirect("message", found.name, message.message_id)
