"""A worker process and its lease."""

from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class WorkerQuerySet(models.QuerySet["Worker"]):
    def present(self) -> Self:
        """Return workers that nobody has marked dead, and that have not left.

        A lease that is over by the clock is still theirs until somebody says so.
        """
        return self.filter(stopped_at=None)

    def dead(self, now: datetime) -> Self:
        """Return workers whose lease ran out before they said goodbye."""
        return self.filter(stopped_at=None, lease_until__lte=now)


class Worker(models.Model):
    """One row per run of a worker; what it claimed is free when its lease is over."""

    class Queue(models.TextChoices):
        INVOKE = "invoke", _("Invocations")
        DELIVER = "deliver", _("Notifications")
        NOTIFY = "notify", _("Messages to subscribers")

    name = models.CharField(_("name"), max_length=255)
    queue = models.CharField(_("queue"), max_length=10, choices=Queue)
    slots = models.PositiveSmallIntegerField(_("slots"))
    started_at = models.DateTimeField(_("started"))
    lease_until = models.DateTimeField(_("lease until"))
    # Empty for workers that run no user code.
    isolation_level = models.PositiveSmallIntegerField(
        _("isolation level"), null=True, blank=True
    )
    landlock = models.PositiveSmallIntegerField(
        _("Landlock ABI"), default=0, db_default=0
    )
    has_cgroups = models.BooleanField(_("cgroups"), default=False, db_default=False)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(stopped_at=None),
                name="worker_live",
            )
        ]

    def __str__(self) -> str:
        return self.name
