"""A notification that is owed, and each try to deliver it."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.invocation import Invocation
from asyncconfig.models.worker import Worker
from functions.models import Function


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> Self:
        return self.filter(status=Delivery.Status.WAIT)

    def sending(self) -> Self:
        return self.filter(status=Delivery.Status.SENDING)


class Delivery(models.Model):
    """The outbox: written in the transaction that ends its invocation.

    `delivery_id` is stable, so that a target can drop doubles. `record` is what
    is sent, serialised once. WAIT and SENDING are open; DELIVERED, FAILED (a dead
    letter) and SKIPPED are final, though a failed one can be sent again.
    """

    class Side(models.TextChoices):
        SUCCESS = "success", _("On success")
        FAILURE = "failure", _("On failure")

    class Status(models.TextChoices):
        WAIT = "WAIT", _("Pending")
        SENDING = "SENDING", _("Sending")
        DELIVERED = "DELIVERED", _("Delivered")
        FAILED = "FAILED", _("Delivery failed")
        SKIPPED = "SKIPPED", _("Not sent")

    FINAL = (Status.DELIVERED, Status.FAILED, Status.SKIPPED)

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
    side = models.CharField(_("side"), max_length=7, choices=Side)
    kind = models.CharField(_("target service"), max_length=20)
    param = models.TextField(_("parameters"))
    target = models.CharField(_("target"), max_length=512)
    record = models.BinaryField(_("record"))
    status = models.CharField(
        _("status"), max_length=9, choices=Status, default=Status.WAIT
    )
    reason = models.TextField(_("reason"), blank=True)
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("due"))
    deadline = models.DateTimeField(_("deadline"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    epoch = models.PositiveIntegerField(_("epoch"), default=0)
    worker = models.ForeignKey(
        Worker,
        models.PROTECT,
        related_name="deliveries",
        null=True,
        db_index=False,
        verbose_name=_("worker"),
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(
                fields=["kind", "target", "due_at", "id"],
                condition=Q(status="WAIT"),
                name="delivery_due",
            ),
            models.Index(
                fields=["due_at"], condition=Q(status="WAIT"), name="delivery_next"
            ),
            models.Index(
                fields=["worker"], condition=Q(status="SENDING"), name="delivery_held"
            ),
            models.Index(
                fields=["kind", "target", "-id"],
                condition=Q(status="FAILED"),
                name="delivery_dead_letters",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(status="SENDING", worker__isnull=False)
                    | ~Q(status="SENDING") & Q(worker__isnull=True)
                ),
                name="delivery_sending_is_held",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status__in=("WAIT", "SENDING"), finished_at__isnull=True)
                    | Q(
                        status__in=("DELIVERED", "FAILED", "SKIPPED"),
                        finished_at__isnull=False,
                    )
                ),
                name="delivery_final_is_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

    @property
    def is_finished(self) -> bool:
        return self.status in self.FINAL


class DeliveryAttempt(models.Model):
    """One try: what was answered and how long it took (milliseconds)."""

    delivery = models.ForeignKey(
        Delivery,
        models.CASCADE,
        related_name="attempt_set",
        verbose_name=_("delivery"),
    )
    number = models.PositiveIntegerField(_("number"))
    epoch = models.PositiveIntegerField(_("epoch"))
    started_at = models.DateTimeField(_("started"))
    duration_ms = models.FloatField(_("duration (ms)"), default=0)
    succeeded = models.BooleanField(_("delivered"))
    is_late = models.BooleanField(_("late result"), default=False)
    answer = models.TextField(_("answer"), blank=True)
    worker_name = models.CharField(_("worker"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "epoch"],
                condition=models.Q(is_late=False),
                name="delivery_attempt_once_per_claim",
            )
        ]

    def __str__(self) -> str:
        return f"{self.delivery} #{self.number}"
