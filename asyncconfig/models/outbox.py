"""What outgoing things have in common: states, due times, tries, a lease."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.due import DueQuerySet
from asyncconfig.models.worker import Worker

MAX_REFERENCE_CHARACTERS = 1100
MAX_USER_NAME_CHARACTERS = 150  # of a user


def target_key_of(project_id: int, kind: str, name: str) -> str:
    """Name a real target: a project's target of one kind, whatever its parameters.

    Slot limits, dead letters and re-sends of a whole target go by it.
    """
    return f"{project_id}:{kind}:{name}"


def deadline_from(now: datetime) -> datetime:
    """Return until when delivery of something created now is attempted."""
    return now + timedelta(seconds=settings.DELIVERY_RETRY_FOR_SECONDS)


class OutboundQuerySet(DueQuerySet[Any]):
    def sending(self) -> Self:
        return self.filter(status=Outbound.Status.SENDING)

    def failed(self) -> Self:
        """Return the dead letters: given up, though each can be sent again."""
        return self.filter(status=Outbound.Status.FAILED)

    def at_rest(self) -> Self:
        """Return what may be sent again: what nobody is sending or holds."""
        others = (
            Outbound.Status.SENDING,
            Outbound.Status.SKIPPED,
            Outbound.Status.HELD,
        )
        return self.exclude(status__in=others)

    def send_again(self, *, by: str, now: datetime) -> int:
        """Make what nobody is sending due at once; return how many rows.

        `by` is the user name of who asks for it, which the next try keeps. A pending
        automatic try is replaced: there is one row, and it is due now.
        """
        return self.at_rest().update(
            status=Outbound.Status.WAIT,
            due_at=now,
            deadline=deadline_from(now),
            finished_at=None,
            epoch=F("epoch") + 1,
            asked_by=by,
        )


class Outbound(models.Model):
    """Something that is owed to a target, tried until it arrives or is given up.

    WAIT, SENDING and HELD (see `asyncconfig.holding`) are open; DELIVERED, FAILED (a
    dead letter) and SKIPPED are final, though a failed one can be sent again.
    `reference` is what the target called the thing: an object's key, a sequence number,
    a message ID. `asked_by` is the person whom the next try is for; "" where it is due
    by itself.
    """

    class Status(models.TextChoices):
        WAIT = "WAIT", _("Pending")
        HELD = "HELD", _("Held")
        SENDING = "SENDING", _("Sending")
        DELIVERED = "DELIVERED", _("Delivered")
        FAILED = "FAILED", _("Delivery failed")
        SKIPPED = "SKIPPED", _("Not sent")

    OPEN = (Status.WAIT, Status.SENDING, Status.HELD)
    FINAL = (Status.DELIVERED, Status.FAILED, Status.SKIPPED)

    target_key = models.CharField(_("target key"), max_length=600)
    status = models.CharField(
        _("status"), max_length=9, choices=Status, default=Status.WAIT
    )
    reason = models.TextField(_("reason"), blank=True)
    reference = models.CharField(
        _("reference"), max_length=MAX_REFERENCE_CHARACTERS, blank=True
    )
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("due"))
    deadline = models.DateTimeField(_("deadline"))
    held_at = models.DateTimeField(_("held since"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    epoch = models.PositiveIntegerField(_("epoch"), default=0)
    asked_by = models.CharField(
        _("asked for by"),
        max_length=MAX_USER_NAME_CHARACTERS,
        blank=True,
        default="",
        db_default="",
    )
    worker = models.ForeignKey(
        Worker,
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        verbose_name=_("worker"),
    )

    objects = OutboundQuerySet.as_manager()

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["target_key", "-id"], name="%(class)s_of_target_key"),
            models.Index(
                fields=["target_key", "due_at", "id"],
                condition=Q(status="WAIT"),
                name="%(class)s_due",
            ),
            models.Index(
                fields=["due_at"], condition=Q(status="WAIT"), name="%(class)s_next"
            ),
            models.Index(
                fields=["worker"], condition=Q(status="SENDING"), name="%(class)s_held"
            ),
            models.Index(
                fields=["id"], condition=Q(status="HELD"), name="%(class)s_on_hold"
            ),
            # What the database asks before it deletes a worker.
            models.Index(
                fields=["worker"],
                condition=Q(worker__isnull=False),
                name="%(class)s_of_worker",
            ),
            models.Index(
                fields=["target_key", "-id"],
                condition=Q(status="FAILED"),
                name="%(class)s_dead_letters",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(status="SENDING", worker__isnull=False)
                    | ~Q(status="SENDING") & Q(worker__isnull=True)
                ),
                name="%(class)s_sending_is_held",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status__in=("WAIT", "SENDING"), finished_at__isnull=True)
                    | Q(status="HELD", finished_at__isnull=True, held_at__isnull=False)
                    | Q(
                        status__in=("DELIVERED", "FAILED", "SKIPPED"),
                        finished_at__isnull=False,
                    )
                ),
                name="%(class)s_final_is_finished",
            ),
        ]

    @property
    def is_finished(self) -> bool:
        return self.status in self.FINAL


class OutboundAttempt(models.Model):
    """One try: what was answered and how long it took (milliseconds).

    Subclasses name what was tried in a foreign key `row`. `asked_by` is the user
    name of who had it sent again; "" for a try that was due by itself.
    """

    number = models.PositiveIntegerField(_("number"))
    epoch = models.PositiveIntegerField(_("epoch"))
    started_at = models.DateTimeField(_("started"))
    duration_ms = models.FloatField(_("duration (ms)"), default=0)
    succeeded = models.BooleanField(_("delivered"))
    is_late = models.BooleanField(_("late result"), default=False)
    answer = models.TextField(_("answer"), blank=True)
    asked_by = models.CharField(
        _("asked for by"),
        max_length=MAX_USER_NAME_CHARACTERS,
        blank=True,
        default="",
        db_default="",
    )
    worker_name = models.CharField(_("worker"), max_length=255, blank=True)

    class Meta:
        abstract = True
        ordering = ["id"]
