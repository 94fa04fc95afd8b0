"""What was published to a topic, and the copy each subscriber is owed."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.delivery import Delivery
from asyncconfig.models.outbox import Outbound, OutboundAttempt
from asyncconfig.models.topic import Subscription, Topic


class Message(models.Model):
    """A published message; `body` is its text in UTF-8, at most 262,144 bytes.

    `structure` holds bodies by protocol with a `default`, or nothing. `source_delivery`
    is the notification that published it. `hops` and `root_id` carry on the chain
    that it belongs to.
    """

    message_id = models.UUIDField(_("message ID"), default=uuid.uuid4, unique=True)
    topic = models.ForeignKey(
        Topic, models.CASCADE, related_name="messages", verbose_name=_("topic")
    )
    subject = models.CharField(_("subject"), max_length=512, blank=True)
    body = models.BinaryField(_("message"))
    structure = models.JSONField(_("bodies by protocol"), default=dict, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    source_delivery = models.ForeignKey(
        Delivery,
        models.SET_NULL,
        null=True,
        related_name="messages",
        verbose_name=_("delivery"),
    )
    hops = models.PositiveSmallIntegerField(_("hops"), default=0)
    root_id = models.UUIDField(_("root request"), null=True)
    created_at = models.DateTimeField(_("published"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(fields=["topic", "-id"], name="message_newest"),
            models.Index(fields=["topic", "created_at"], name="message_recent"),
        ]

    def __str__(self) -> str:
        return str(self.message_id)


class MessageDelivery(Outbound):
    """A message on its way to one subscriber: the outbox of a topic.

    Without a message it asks the subscriber to confirm the subscription. Without a
    subscription the subscriber has gone since.
    """

    delivery_id = models.UUIDField(_("ID"), default=uuid.uuid4, unique=True)
    message = models.ForeignKey(
        Message,
        models.CASCADE,
        null=True,
        related_name="deliveries",
        verbose_name=_("message"),
    )
    subscription = models.ForeignKey(
        Subscription,
        models.SET_NULL,
        null=True,
        related_name="deliveries",
        verbose_name=_("subscription"),
    )
    protocol = models.CharField(_("protocol"), max_length=20)
    endpoint = models.CharField(_("endpoint"), max_length=1024)

    class Meta(Outbound.Meta):
        verbose_name = _("message to a subscriber")
        verbose_name_plural = _("messages to subscribers")

    def __str__(self) -> str:
        return f"{self.protocol} {self.endpoint}"


class MessageDeliveryAttempt(OutboundAttempt):
    row = models.ForeignKey(
        MessageDelivery,
        models.CASCADE,
        related_name="attempt_set",
        verbose_name=_("message to a subscriber"),
    )

    class Meta(OutboundAttempt.Meta):
        verbose_name = _("try to reach a subscriber")
        verbose_name_plural = _("tries to reach subscribers")
        constraints = [
            models.UniqueConstraint(
                fields=["row", "epoch"],
                condition=models.Q(is_late=False),
                name="message_delivery_attempt_once_per_claim",
            )
        ]

    def __str__(self) -> str:
        return f"{self.row} #{self.number}"
