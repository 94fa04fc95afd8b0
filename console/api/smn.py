"""The operations of this console's SMN: topics, subscriptions, messages."""

import logging
import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Status

from asyncconfig import graph
from asyncconfig.decisions import loops
from asyncconfig.decisions.loops import Verdict
from asyncconfig.models import Subscription, Topic
from asyncconfig.models.topic import URN
from asyncconfig.services.topics import keeping, subscribing
from asyncconfig.services.topics.forms import PublishForm, SubscriptionForm, TopicForm
from console import access
from console.access import Right
from console.api import errors, lookup
from console.api.authentication import check_length
from console.api.errors import ApiError
from console.api.service import limited
from console.api.shapes.smn_shapes import (
    Answered,
    Attributes,
    MessageAttribute,
    MessageMade,
    NewMessage,
    NewSubscription,
    NewTopic,
    SubscriptionList,
    SubscriptionMade,
    TopicAttributes,
    TopicChange,
    TopicDetails,
    TopicList,
    TopicMade,
    answered,
    shown_subscription,
    shown_topic,
)
from functions.forms.base import whole

logger = logging.getLogger(__name__)
router = Router(tags=["smn"])
# What subscribers call, who have no account here: the token is their proof.
open_router = Router(tags=["smn"], auth=None)

# A message of 256 KB, in which JSON writes up to six bytes for one.
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_LISTED_ROWS = 100
ATTRIBUTE = re.compile(r"\A[a-z0-9]+(?:_[a-z0-9]+)*\Z")
MAX_ATTRIBUTE_CHARACTERS = 32
TOPIC_CODES = {"name": "SMN.0002", "display_name": "SMN.0003"}
SUBSCRIPTION_CODES = {
    "protocol": "SMN.0011",
    "endpoint": "SMN.0012",
    "remark": "SMN.0017",
}
MESSAGE_CODES = {"message_structure": "SMN.0021"}


def _topic(request: HttpRequest, project_id: str, urn: str, right: Right) -> Topic:
    project = lookup.find_project(request, project_id, Right.READ)
    if not URN.match(urn):
        sentence = _("Invalid topic URN. Write urn:smn:region:project:name.")
        raise ApiError(400, "SMN.0005", sentence)
    topic = keeping.find(project, urn)
    access.require(request.user, right)
    return topic


def _window(offset: str, limit: str) -> slice:
    start, size = whole(offset, digits=9), whole(limit)
    if start is None or size is None or not 1 <= size <= MAX_LISTED_ROWS:
        sentence = _("Write offset as 0 or more, and limit from 1 to 100.")
        raise ApiError(400, "SMN.0015", sentence)
    return slice(start, start + size)


@router.post(
    "/topics",
    operation_id="CreateTopic",
    summary=gettext_noop("Create a topic"),
    response={200: TopicMade, 201: TopicMade},
)
def create_topic(
    request: HttpRequest, project_id: Path[str], body: NewTopic
) -> Status[Any]:
    """201 for a new one; 200 when there is one of that name already."""
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    form = TopicForm({"name": body.name, "display_name": body.display_name})
    if not form.is_valid():
        raise errors.refuse(form, TOPIC_CODES)
    topic, is_new = keeping.create(project, **form.cleaned_data)
    return Status(201 if is_new else 200, answered(request, topic_urn=topic.urn))


@router.get(
    "/topics",
    operation_id="ListTopics",
    summary=gettext_noop("List the topics of a project"),
    response={200: TopicList},
)
def list_topics(
    request: HttpRequest,
    project_id: Path[str],
    offset: str = "0",
    limit: str = "100",
    name: str = "",
    fuzzy_name: str = "",
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    window = _window(offset, limit)
    found = Topic.objects.filter(project=project).select_related("project")
    if name:
        found = found.filter(name=name)
    if fuzzy_name:
        found = found.filter(name__contains=fuzzy_name)
    shown = [shown_topic(topic) for topic in found.order_by("-pk")[window]]
    return answered(request, topic_count=found.count(), topics=shown)


@router.get(
    "/topics/{topic_urn}",
    operation_id="ListTopicDetails",
    summary=gettext_noop("Show a topic"),
    response={200: TopicDetails},
)
def show_topic(
    request: HttpRequest, project_id: Path[str], topic_urn: str
) -> dict[str, Any]:
    topic = _topic(request, project_id, topic_urn, Right.READ)
    return answered(request, **shown_topic(topic))


@router.put(
    "/topics/{topic_urn}",
    operation_id="UpdateTopic",
    summary=gettext_noop("Change what a topic is shown as"),
    response={200: Answered},
)
def update_topic(
    request: HttpRequest, project_id: Path[str], topic_urn: str, body: TopicChange
) -> dict[str, Any]:
    topic = _topic(request, project_id, topic_urn, Right.CONFIGURE)
    shown = topic.display_name if body.display_name is None else body.display_name
    form = TopicForm({"name": topic.name, "display_name": shown})
    if not form.is_valid():
        raise errors.refuse(form, TOPIC_CODES)
    keeping.rename(topic, form.cleaned_data["display_name"])
    return answered(request)


@router.get(
    "/topics/{topic_urn}/attributes",
    operation_id="ListTopicAttributes",
    summary=gettext_noop("Show a topic's policies: there are none here"),
    response={200: TopicAttributes},
    exclude_none=True,
)
def show_attributes(
    request: HttpRequest, project_id: Path[str], topic_urn: str, name: str = ""
) -> dict[str, Any]:
    """Who may publish is a matter of agencies and rights here."""
    _topic(request, project_id, topic_urn, Right.READ)
    known = [name] if name in Attributes.model_fields else [*Attributes.model_fields]
    return answered(request, attributes=dict.fromkeys(known, ""))


@router.delete(
    "/topics/{topic_urn}",
    operation_id="DeleteTopic",
    summary=gettext_noop("Delete a topic"),
    response={200: Answered},
)
def delete_topic(
    request: HttpRequest, project_id: Path[str], topic_urn: str
) -> dict[str, Any]:
    """One that functions send their results to stays: 409 names them."""
    keeping.delete(_topic(request, project_id, topic_urn, Right.CONFIGURE))
    return answered(request)


@router.post(
    "/topics/{topic_urn}/subscriptions",
    operation_id="AddSubscription",
    summary=gettext_noop("Subscribe to a topic"),
    response={200: SubscriptionMade, 201: SubscriptionMade},
)
def add_subscription(
    request: HttpRequest, project_id: Path[str], topic_urn: str, body: NewSubscription
) -> Status[Any]:
    """Protocols are http, https, email and functionstage.

    201 for a new one; 200 when the endpoint is subscribed already.
    """
    topic = _topic(request, project_id, topic_urn, Right.CONFIGURE)
    form = SubscriptionForm(body.dict(), project=topic.project)
    if not form.is_valid():
        raise errors.refuse(form, SUBSCRIPTION_CODES)
    endpoint = form.cleaned_data["endpoint"]
    _look_at_loops(subscribing.loops_of(topic, endpoint.function))
    made, is_new = subscribing.subscribe(
        topic,
        form.cleaned_data["protocol"],
        endpoint,
        remark=form.cleaned_data["remark"],
    )
    return Status(201 if is_new else 200, answered(request, subscription_urn=made.urn))


def _look_at_loops(paths: list[loops.Path]) -> None:
    verdict = graph.judge(paths, accepted=None)
    if verdict is Verdict.REFUSED:
        raise errors.loops_refused(paths)
    if verdict is not Verdict.NO_LOOP:
        told = loops.all_in_line(paths)
        logger.warning("A loop was subscribed over the API: %s.", told)


@router.get(
    "/subscriptions",
    operation_id="ListSubscriptions",
    summary=gettext_noop("List the subscriptions of a project"),
    response={200: SubscriptionList},
)
def list_subscriptions(
    request: HttpRequest,
    project_id: Path[str],
    offset: str = "0",
    limit: str = "100",
    protocol: str = "",
    status: str = "",
    endpoint: str = "",
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    window = _window(offset, limit)
    found = Subscription.objects.filter(topic__project=project)
    if protocol:
        found = found.filter(protocol=protocol)
    if status:
        found = found.filter(confirmed_at__isnull=status != "1")
    if endpoint:
        found = found.filter(endpoint__contains=endpoint)
    related = found.select_related("topic__project").order_by("-pk")
    shown = [shown_subscription(one) for one in related[window]]
    return answered(request, subscription_count=found.count(), subscriptions=shown)


@router.get(
    "/topics/{topic_urn}/subscriptions",
    operation_id="ListSubscriptionsByTopic",
    summary=gettext_noop("List the subscriptions of a topic"),
    response={200: SubscriptionList},
)
def list_subscriptions_by_topic(
    request: HttpRequest,
    project_id: Path[str],
    topic_urn: str,
    offset: str = "0",
    limit: str = "100",
) -> dict[str, Any]:
    topic = _topic(request, project_id, topic_urn, Right.READ)
    window = _window(offset, limit)
    found = Subscription.objects.filter(topic=topic)
    related = found.select_related("topic__project").order_by("-pk")
    shown = [shown_subscription(one) for one in related[window]]
    return answered(request, subscription_count=found.count(), subscriptions=shown)


@router.delete(
    "/subscriptions/{subscription_urn}",
    operation_id="CancelSubscription",
    summary=gettext_noop("End a subscription"),
    response={200: Answered},
)
def cancel_subscription(
    request: HttpRequest, project_id: Path[str], subscription_urn: str
) -> dict[str, Any]:
    lookup.find_project(request, project_id, Right.CONFIGURE)
    topic_urn, _colon, number = subscription_urn.rpartition(":")
    try:
        subscription_id = UUID(hex=number)
    except ValueError as error:
        sentence = _("Invalid subscription URN. Write it as it was given to you.")
        raise ApiError(400, "SMN.0014", sentence) from error
    topic = _topic(request, project_id, topic_urn, Right.CONFIGURE)
    found = topic.subscriptions.filter(subscription_id=subscription_id)
    subscription = found.select_related("topic__project").first()
    if subscription is None:
        raise ApiError(404, "SMN.0013", _("This subscription does not exist."))
    subscribing.unsubscribe(subscription)
    return answered(request)


def _check_body(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise ApiError(413, "FSS.0413", _("The body is over 2 MB. Send less."))


@router.post(
    "/topics/{topic_urn}/publish",
    operation_id="PublishMessage",
    summary=gettext_noop("Publish a message to a topic"),
    response={200: MessageMade},
)
@limited(_check_body)
def publish(
    request: HttpRequest, project_id: Path[str], topic_urn: str, body: NewMessage
) -> dict[str, Any]:
    """Every confirmed subscriber is sent it, durably, for time_to_live seconds."""
    topic = _topic(request, project_id, topic_urn, Right.INVOKE)
    if body.message_template_name and not body.message_structure:
        sentence = _("Templates are not offered. Send message or message_structure.")
        raise ApiError(400, "SMN.0032", sentence)
    attributes = _attributes(body.message_attributes or [])
    form = PublishForm(body.dict(exclude={"message_attributes"}, exclude_none=True))
    if not form.is_valid():
        raise errors.refuse(form, MESSAGE_CODES)
    message = keeping.publish(topic, form.publication(attributes))
    return answered(request, message_id=message.message_id.hex)


def _attributes(sent: list[MessageAttribute]) -> dict[str, Any]:
    for one in sent:
        values = one.value if isinstance(one.value, list) else [one.value]
        is_short = all(1 <= len(value) <= MAX_ATTRIBUTE_CHARACTERS for value in values)
        is_named = (
            ATTRIBUTE.match(one.name) and len(one.name) <= MAX_ATTRIBUTE_CHARACTERS
        )
        if not (is_named and is_short and len(values) <= 10):
            raise ApiError(
                400,
                "FSS.0400",
                _(
                    "message_attributes: names are 1–32 of a–z, 0–9 and _, values "
                    "1–32 characters, at most 10 of them."
                ),
            )
    return {one.name: one.value for one in sent}


@open_router.get(
    "/subscription/confirm",
    operation_id="ConfirmSubscription",
    summary=gettext_noop("Confirm a subscription with the token it was sent"),
    response={200: SubscriptionMade},
)
def confirm_subscription(
    request: HttpRequest, token: str, topic_urn: str = "", endpoint: str = ""
) -> dict[str, Any]:
    """For subscribers, who need no key: the token is their proof."""
    check_length(request)
    found = subscribing.find_by_token(token)
    is_meant = found and topic_urn in ("", found.topic.urn)
    if found is None or not is_meant or endpoint not in ("", found.endpoint):
        raise ApiError(
            404,
            "SMN.0013",
            _("There is no subscription with this token. Ask for a new link."),
        )
    subscribing.confirm(found)
    return answered(request, subscription_urn=found.urn)
