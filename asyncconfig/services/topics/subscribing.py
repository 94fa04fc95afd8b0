"""Subscribe to topics, confirm that and end it."""

from contextlib import suppress
from typing import Any

from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from asyncconfig import clock, graph, queue
from asyncconfig.decisions import loops
from asyncconfig.exceptions import TopicGone
from asyncconfig.models import MessageDelivery, Subscription, Topic
from asyncconfig.models.config import SMN
from asyncconfig.models.outbox import Outbound, deadline_from, target_key_of
from asyncconfig.models.topic import new_token
from asyncconfig.services.topics import keeping
from asyncconfig.services.topics.subscribers.base import Endpoint
from functions.exceptions import LimitReached
from functions.models import Function

MAX_SUBSCRIPTIONS = 1000
UNSUBSCRIBED = "The subscriber has unsubscribed."
_signer = signing.Signer(salt="asyncconfig.unsubscribe")


def loops_of(topic: Topic, function: Function | None) -> list[loops.Path]:
    """Return the loop that a function's subscription would close, if any."""
    if function is None:
        return []
    edge = loops.Edge(loops.SUBSCRIPTION, function.shown_name)
    return loops.paths_back(
        graph.of_project(topic.project),
        source=graph.topic_node(topic.name),
        edges=[edge],
    )


def subscribe(
    topic: Topic, protocol: str, endpoint: Endpoint, *, remark: str = ""
) -> tuple[Subscription, bool]:
    """Add a subscription, or return the one there is; say whether it is new.

    A function is confirmed at once; others are sent a link, durably. Raises
    TopicGone and LimitReached. The caller has looked for loops.
    """
    with transaction.atomic():
        keeping.hold(topic)
        subscriptions = Subscription.objects.filter(topic=topic)
        known = subscriptions.filter(protocol=protocol, endpoint=endpoint.text).first()
        if known:
            return known, False
        if subscriptions.count() >= MAX_SUBSCRIPTIONS:
            raise LimitReached(
                _("A topic can have %(n)d subscriptions. Remove one first.")
                % {"n": MAX_SUBSCRIPTIONS}
            )
        now = clock.now()
        made = Subscription.objects.create(
            topic=topic,
            protocol=protocol,
            endpoint=endpoint.text,
            function=endpoint.function,
            remark=remark,
            created_at=now,
            confirmed_at=now if endpoint.function else None,
        )
        if not endpoint.function:
            _ask(made, by="")
    return made, True


def _ask(subscription: Subscription, *, by: str) -> None:
    message_delivery = keeping.new_message_delivery(subscription, message=None)
    message_delivery.deadline = deadline_from(message_delivery.created_at)
    message_delivery.asked_by = by
    message_delivery.save(force_insert=True)
    queue.ring(queue.NOTIFY)


def ask_again(subscription: Subscription, *, by: str) -> bool:
    """Send a new link, which makes the old one void; False when it is confirmed.

    `by` is the user name of who asks for it.
    """
    with transaction.atomic():
        unconfirmed = Subscription.objects.filter(
            pk=subscription.pk, confirmed_at__isnull=True
        )
        if not unconfirmed.update(token=new_token()):
            return False
        asked = MessageDelivery.objects.filter(subscription=subscription, message=None)
        if asked.waiting().send_again(by=by, now=clock.now()):
            queue.ring(queue.NOTIFY)
        else:
            _ask(subscription, by=by)
    return True


def find_by_token(token: str) -> Subscription | None:
    related = Subscription.objects.select_related("topic__project")
    return related.filter(token=token).first()


def confirm(subscription: Subscription) -> None:
    """Note that the subscriber wants it; confirming twice changes nothing."""
    unconfirmed = Subscription.objects.filter(
        pk=subscription.pk, confirmed_at__isnull=True
    )
    unconfirmed.update(confirmed_at=clock.now())


def unsubscribe(subscription: Subscription) -> None:
    """End a subscription; what it is still owed is no longer sent."""
    _end([subscription], reason=UNSUBSCRIBED)


def unsubscribe_function(function: Function) -> None:
    """End all subscriptions of a function that is being deleted."""
    subscriptions = function.subscriptions.select_related("topic__project")
    _end(list(subscriptions), reason=f"Function {function.name} was deleted.")


def _end(subscriptions: list[Subscription], *, reason: str) -> None:
    with transaction.atomic():
        for topic in sorted({one.topic for one in subscriptions}, key=_target_key):
            with suppress(TopicGone):
                keeping.hold(topic)
        ended: dict[str, Any] = {"reason": reason, "finished_at": clock.now()}
        owed = MessageDelivery.objects.filter(subscription__in=subscriptions)
        resting = (Outbound.Status.WAIT, Outbound.Status.HELD)
        owed.filter(status__in=resting).update(status=Outbound.Status.SKIPPED, **ended)
        ids = [one.pk for one in subscriptions]
        Subscription.objects.filter(pk__in=ids).delete()


def _target_key(topic: Topic) -> str:
    """Return what couriers sort by: whoever holds several topics has one order."""
    return target_key_of(topic.project_id, SMN, topic.urn)


def leaving_token(subscription: Subscription) -> str:
    """Return what an unsubscribe link proves itself with."""
    return _signer.sign(subscription.subscription_id.hex)


def find_by_leaving_token(token: str) -> Subscription | None:
    try:
        subscription_id = _signer.unsign(token)
    except signing.BadSignature:
        return None
    related = Subscription.objects.select_related("topic__project")
    return related.filter(subscription_id=subscription_id).first()
