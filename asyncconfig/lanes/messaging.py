"""Messages of topics, on their way to the subscribers."""

from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from asyncconfig import clock, queue
from asyncconfig.exceptions import DeliveryError
from asyncconfig.lanes.outbox import OutboxLane
from asyncconfig.models import (
    Message,
    MessageDelivery,
    MessageDeliveryAttempt,
    Subscription,
)
from asyncconfig.models.outbox import OutboundQuerySet
from asyncconfig.receipt import Receipt
from asyncconfig.services.topics import subscribing
from asyncconfig.services.topics.subscribers import SUBSCRIBERS
from asyncconfig.services.topics.subscribers.base import Letter

CONFIRM, LEAVE = "confirm", "unsubscribe"


class NotifyLane(OutboxLane[MessageDelivery]):
    """The lane of what topics owe their subscribers."""

    name = queue.NOTIFY
    model = MessageDelivery
    attempts = MessageDeliveryAttempt

    def related(self, rows: QuerySet[MessageDelivery]) -> QuerySet[MessageDelivery]:
        return rows.select_related("message", "subscription__topic__project")

    def is_written_here(self, row: MessageDelivery) -> bool:
        return SUBSCRIBERS[row.protocol].is_written_here()

    def send(self, row: MessageDelivery) -> Receipt:
        subscription = row.subscription
        if subscription is None:
            raise DeliveryError(subscribing.UNSUBSCRIBED, permanent=True)
        if clock.now() > row.deadline:
            raise DeliveryError(
                _("It could not be delivered within its time to live."), permanent=True
            )
        if row.message is None and subscription.is_confirmed:
            return Receipt("It was confirmed meanwhile.")
        letter = _letter(row, subscription, row.message)
        return SUBSCRIBERS[row.protocol].send(row.endpoint, letter)


def _letter(
    row: MessageDelivery, subscription: Subscription, message: Message | None
) -> Letter:
    topic = subscription.topic
    return Letter(
        message_id=(message.message_id if message else row.delivery_id).hex,
        topic_urn=topic.urn,
        subscription_urn=subscription.urn,
        sender=topic.display_name or topic.name,
        subject=message.subject if message else "",
        text=_text(message, row.protocol) if message else _invitation(topic.urn),
        attributes=message.attributes if message else {},
        sent_at=row.created_at,
        link=_leave_link(subscription) if message else _confirm_link(subscription),
        is_invitation=message is None,
        message_delivery=row,
    )


def _text(message: Message, protocol: str) -> str:
    own = message.structure.get(protocol)
    return bytes(message.body).decode() if own is None else str(own)


def _invitation(urn: str) -> str:
    return (
        f"You are invited to subscribe to topic: {urn}. "
        "To confirm this subscription, open the subscribe_url of this message."
    )


def _confirm_link(subscription: Subscription) -> str:
    told = {"token": subscription.token, "topic_urn": subscription.topic.urn}
    return f"{settings.PUBLIC_URL}/smn/subscription/{CONFIRM}?{urlencode(told)}"


def _leave_link(subscription: Subscription) -> str:
    told = {
        "token": subscribing.leaving_token(subscription),
        "subscription_urn": subscription.urn,
    }
    return f"{settings.PUBLIC_URL}/smn/subscription/{LEAVE}?{urlencode(told)}"


def resend(message_delivery: MessageDelivery, *, by: str) -> bool:
    """Send a dead letter again, or a waiting one at once; False when not possible."""
    return bool(
        resend_all(MessageDelivery.objects.filter(pk=message_delivery.pk), by=by)
    )


def resend_all(message_deliveries: OutboundQuerySet, *, by: str) -> int:
    """Send dead letters and waiting ones again, for a user; return how many."""
    owed = message_deliveries.exclude(status=MessageDelivery.Status.DELIVERED)
    with transaction.atomic():
        queue.ring(queue.NOTIFY)
        return owed.send_again(by=by, now=clock.now())
