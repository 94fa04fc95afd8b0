"""A notification that is owed, and each try to deliver it."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from asyncconfig.decisions.sides import Side
from asyncconfig.models.invocation import Invocation
from asyncconfig.models.outbox import Outbound, OutboundAttempt
from functions.models import Function

SIDES = [
    (Side.SUCCESS.value, _("On success")),
    (Side.FAILURE.value, _("On failure")),
]


class Delivery(Outbound):
    """The outbox: written in the transaction that ends its invocation.

    `delivery_id` is stable, so that a target can drop doubles. `record` is what
    is sent, serialised once; `is_emptied` says that its payloads were left out,
    because the target takes no record of that size.
    """

    delivery_id = models.UUIDField(_("delivery ID"), default=uuid.uuid4, unique=True)
    invocation = models.OneToOneField(
        Invocation,
        models.PROTECT,
        related_name="delivery",
        verbose_name=_("invocation"),
    )
    function = models.ForeignKey(
        Function,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("function"),
    )
    side = models.CharField(_("side"), max_length=7, choices=SIDES)
    kind = models.CharField(_("target service"), max_length=20)
    param = models.TextField(_("parameters"))
    target = models.CharField(_("target"), max_length=512)
    record = models.BinaryField(_("record"))
    is_emptied = models.BooleanField(_("payloads left out"), default=False)

    class Meta(Outbound.Meta):
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            *Outbound.Meta.indexes,
            # The messages of an instance; few deliveries are of this kind.
            models.Index(
                fields=["-id", "target_key"],
                condition=models.Q(kind="RocketMQ"),
                name="delivery_rocketmq",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


class DeliveryAttempt(OutboundAttempt):
    row = models.ForeignKey(
        Delivery,
        models.CASCADE,
        related_name="attempt_set",
        verbose_name=_("delivery"),
    )

    class Meta(OutboundAttempt.Meta):
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        constraints = [
            models.UniqueConstraint(
                fields=["row", "epoch"],
                condition=models.Q(is_late=False),
                name="delivery_attempt_once_per_claim",
            )
        ]

    def __str__(self) -> str:
        return f"{self.row} #{self.number}"
