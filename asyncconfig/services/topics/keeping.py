"""Create and delete topics, and publish messages to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from asyncconfig import clock, graph, queue
from asyncconfig.decisions.endings import Condition
from asyncconfig.exceptions import TopicGone
from asyncconfig.invocations.finishing import LOOP_STOPPED
from asyncconfig.models import (
    Delivery,
    Message,
    MessageDelivery,
    Subscription,
    Topic,
)
from asyncconfig.models.config import SMN
from asyncconfig.models.outbox import Outbound, target_key_of
from asyncconfig.models.topic import URN, is_here
from asyncconfig.services.topics.subscribers import SUBSCRIBERS
from functions.exceptions import LimitReached, StillUsed
from functions.models import Project

MAX_TOPICS = 3000
MAX_SUBJECT_BYTES = 512
MAX_MESSAGE_BYTES = 262_144
USUAL_LIFE = 3600
MAX_LIFE_SECONDS = 86_400
MAX_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Publication:
    """What is published: one text for all, or texts by protocol with a `default`.

    Texts are at most 262,144 bytes of UTF-8, the subject 512. `attributes` are
    values by name. After `life` seconds it is no longer sent.
    """

    text: str
    subject: str = ""
    structure: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    life: int = USUAL_LIFE


def find(project: Project, urn: str) -> Topic:
    """Return the topic of this installation that a URN names; raises TopicGone."""
    match = URN.match(urn)
    if match is None or not is_here(project, urn):
        raise TopicGone(urn)
    topics = Topic.objects.select_related("project").filter(project=project)
    found = topics.filter(name=match["name"]).first()
    if found is None:
        raise TopicGone(match["name"])
    return found


def create(
    project: Project, name: str, *, display_name: str = ""
) -> tuple[Topic, bool]:
    """Create a topic, or return the one of that name; say whether it is new.

    `name` is 1–255 letters, digits, - and _. Raises LimitReached.
    """
    with transaction.atomic():
        now = clock.now()
        if Topic.objects.filter(project=project).count() >= MAX_TOPICS:
            known = Topic.objects.filter(project=project, name=name).first()
            if known:
                return known, False
            raise LimitReached(
                _("A project can have %(n)d topics. Delete one first.")
                % {"n": MAX_TOPICS}
            )
        return Topic.objects.get_or_create(
            project=project,
            name=name,
            defaults={
                "display_name": display_name,
                "created_at": now,
                "updated_at": now,
            },
        )


def rename(topic: Topic, display_name: str) -> None:
    """Show a topic as something else; its name and URN stay."""
    Topic.objects.filter(pk=topic.pk).update(
        display_name=display_name, updated_at=clock.now()
    )


def delete(topic: Topic) -> None:
    """Delete a topic with its subscriptions and messages; raises StillUsed.

    Its messages go first, some at a time, so that nobody waits for all of them.
    """
    _check_unused(topic)
    _forget(MessageDelivery.objects.filter(message__topic=topic))
    _forget(Message.objects.filter(topic=topic))
    with transaction.atomic():
        hold(topic)
        _check_unused(topic)
        topic.delete()


def _check_unused(topic: Topic) -> None:
    if used := graph.uses_of(topic.project, SMN, topic.urn):
        names = ", ".join(dict.fromkeys(use.function.name for use in used))
        raise StillUsed(
            _(
                "%(functions)s send their results to topic %(name)s. "
                "Change their configuration first."
            )
            % {"name": topic.name, "functions": names}
        )


def _forget(rows: QuerySet[Any]) -> None:
    while ids := list(rows.values_list("pk", flat=True)[:MAX_ROWS_AT_ONCE]):
        rows.filter(pk__in=ids).delete()


def publish(
    topic: Topic, publication: Publication, *, delivery: Delivery | None = None
) -> Message:
    """Store a message and what each confirmed subscriber is owed; raises TopicGone.

    It is all one transaction, the caller's where there is one, and a notifier is
    rung after it. `delivery` is the notification that publishes it, whose chain goes
    on.
    """
    with transaction.atomic():
        hold(topic)
        message = _store(topic, publication, delivery)
        confirmed = topic.subscriptions.filter(confirmed_at__isnull=False)
        MessageDelivery.objects.bulk_create(
            [_owed(message, one, publication.life) for one in confirmed],
            batch_size=500,
        )
        queue.ring(queue.NOTIFY)
    return message


def hold(topic: Topic) -> None:
    """Keep the topic and its subscriptions as they are until this has committed."""
    held = Topic.objects.select_for_update(no_key=True).filter(pk=topic.pk)
    if not held.exists():
        raise TopicGone(topic.name)


def _store(
    topic: Topic, publication: Publication, delivery: Delivery | None
) -> Message:
    told = delivery.invocation if delivery else None
    return Message.objects.create(
        topic=topic,
        subject=publication.subject,
        body=publication.text.encode(),
        structure=dict(publication.structure),
        attributes=dict(publication.attributes),
        source_delivery=delivery,
        hops=told.hops if told else 0,
        root_id=(told.root_id or told.request_id) if told else None,
        created_at=clock.now(),
    )


def _owed(message: Message, subscription: Subscription, life: int) -> MessageDelivery:
    message_delivery = new_message_delivery(subscription, message=message)
    message_delivery.deadline = message.created_at + timedelta(seconds=life)
    if subscription.function_id and _ended_a_loop(message):
        message_delivery.status = Outbound.Status.SKIPPED
        message_delivery.reason = LOOP_STOPPED
        message_delivery.finished_at = message.created_at
    return message_delivery


def _ended_a_loop(message: Message) -> bool:
    """Say whether the message tells of a loop's end, which must start nothing."""
    delivery = message.source_delivery
    return bool(delivery and delivery.invocation.condition == Condition.LOOP)


def new_message_delivery(
    subscription: Subscription, *, message: Message | None
) -> MessageDelivery:
    """Return, unsaved, what a subscriber is owed; its deadline is the caller's."""
    now = message.created_at if message else clock.now()
    subscriber = SUBSCRIBERS[subscription.protocol]
    key = subscriber.key(subscription.endpoint)
    return MessageDelivery(
        message=message,
        subscription=subscription,
        protocol=subscription.protocol,
        endpoint=subscription.endpoint,
        target_key=target_key_of(
            subscription.topic.project_id, subscription.protocol, key
        ),
        created_at=now,
        due_at=now,
    )
