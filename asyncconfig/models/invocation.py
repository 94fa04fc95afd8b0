"""An accepted request: the durable row that everything else follows from."""

import uuid
from typing import TYPE_CHECKING, Self

from django.db import connection, models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.config import AsyncConfig
from asyncconfig.models.due import DueQuerySet
from asyncconfig.models.worker import Worker
from functions.models import Function, Project, Version

if TYPE_CHECKING:
    from asyncconfig.models.delivery import Delivery


class InvocationQuerySet(DueQuerySet["Invocation"]):
    def in_project(self, project: Project) -> Self:
        return self.filter(function__project=project)

    def running(self) -> Self:
        return self.filter(status=Invocation.Status.RUNNING)

    def newest_first(self) -> Self:
        return self.order_by("-pk")

    def without_bodies(self) -> Self:
        return self.defer("payload", "result")

    def with_version(self) -> Self:
        """Join all that running and ending them needs, but no secrets.

        One that cannot be deciphered must not keep the others from being read.
        """
        joined = self.select_related("config", "version__function__project")
        return joined.defer(
            "version__user_data_json", "version__encrypted_user_data_json"
        )

    def locked(self) -> Self:
        """Keep others from moving these rows until this transaction ends.

        In one order everywhere, so that nobody waits in a circle. On SQLite only
        one transaction writes at a time, and this changes nothing.
        """
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)

    def locked_if_free(self) -> Self:
        """Lock what nobody else has locked, and leave the rest out."""
        if not connection.features.has_select_for_update_skip_locked:
            return self
        return self.select_for_update(skip_locked=True, of=("self",), no_key=True)


class Invocation(models.Model):
    """One request to run a function, from acceptance to its final state.

    A claim raises `epoch` and names `worker`; whoever settles must match both.
    `attempts` counts the executions that spend the user's retries, `losses` those
    that ended because our own machinery died. `due_at` is when the next run may
    start, `deadline` when the validity period is over. For a held one time stands still
    since `held_at` (see `asyncconfig.holding`). `payload` and `result` are
    bytes: databases refuse some of what users send as text.
    """

    class Status(models.TextChoices):
        WAIT = "WAIT", _("Waiting")
        HELD = "HELD", _("Held")
        RUNNING = "RUNNING", _("Running")
        SUCCESS = "SUCCESS", _("Succeeded")
        FAIL = "FAIL", _("Failed")
        DISCARD = "DISCARD", _("Discarded")

    class Mode(models.TextChoices):
        ASYNC = "async", _("Asynchronous")
        SYNC = "sync", _("Synchronous")

    class Cancel(models.TextChoices):
        NONE = "", _("No")
        STOP = "stop", _("Stop")
        FORCE = "force", _("Force")

    FINAL = (Status.SUCCESS, Status.FAIL, Status.DISCARD)

    request_id = models.UUIDField(_("request ID"), default=uuid.uuid4, unique=True)
    mode = models.CharField(_("mode"), max_length=5, choices=Mode, default=Mode.ASYNC)
    function = models.ForeignKey(
        Function,
        models.PROTECT,
        related_name="invocations",
        db_index=False,
        verbose_name=_("function"),
    )
    version = models.ForeignKey(
        Version,
        models.PROTECT,
        related_name="invocations",
        db_index=False,
        verbose_name=_("version"),
    )
    alias = models.CharField(_("alias"), max_length=63, blank=True)
    config = models.ForeignKey(
        AsyncConfig,
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        verbose_name=_("async configuration"),
    )
    memory_size = models.PositiveIntegerField(_("memory asked for (MB)"), null=True)
    status = models.CharField(
        _("status"), max_length=7, choices=Status, default=Status.WAIT
    )
    cause = models.CharField(_("cause"), max_length=12, blank=True)
    condition = models.CharField(_("condition"), max_length=32, blank=True)
    error_code = models.IntegerField(_("error code"), default=0)
    status_code = models.PositiveSmallIntegerField(_("status code"), default=0)
    error = models.TextField(_("error"), blank=True)
    payload = models.BinaryField(_("payload"), default=b"")
    result = models.BinaryField(_("result"), default=b"")
    result_size = models.PositiveIntegerField(_("result size"), default=0)
    result_truncated = models.BooleanField(_("result left out"), default=False)
    accepted_at = models.DateTimeField(_("accepted"))
    accepted_by = models.CharField(_("accepted from"), max_length=150, blank=True)
    due_at = models.DateTimeField(_("due"))
    deadline = models.DateTimeField(_("deadline"))
    held_at = models.DateTimeField(_("held since"), null=True)
    first_started_at = models.DateTimeField(_("first started"), null=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    losses = models.PositiveSmallIntegerField(_("losses"), default=0)
    epoch = models.PositiveIntegerField(_("epoch"), default=0)
    worker = models.ForeignKey(
        Worker,
        models.PROTECT,
        related_name="invocations",
        null=True,
        db_index=False,
        verbose_name=_("worker"),
    )
    cancel = models.CharField(
        _("cancel"), max_length=5, choices=Cancel, default=Cancel.NONE, blank=True
    )
    cancelled_by = models.CharField(_("cancelled by"), max_length=150, blank=True)
    hops = models.PositiveSmallIntegerField(_("hops"), default=0)
    source_delivery = models.OneToOneField(
        "asyncconfig.Delivery",
        models.PROTECT,
        related_name="child",
        null=True,
        verbose_name=_("notified by"),
    )
    source_message_delivery = models.OneToOneField(
        "asyncconfig.MessageDelivery",
        models.SET_NULL,
        related_name="child",
        null=True,
        verbose_name=_("message that started it"),
    )
    root_id = models.UUIDField(_("root request"), null=True)
    rerun_of = models.UUIDField(_("rerun of"), null=True)

    objects = InvocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invocation")
        verbose_name_plural = _("invocations")
        indexes = [
            models.Index(
                fields=["function", "due_at", "id"],
                condition=Q(status="WAIT"),
                name="invocation_due",
            ),
            models.Index(
                fields=["due_at"], condition=Q(status="WAIT"), name="invocation_next"
            ),
            models.Index(
                fields=["deadline"],
                condition=Q(status="WAIT"),
                name="invocation_deadline",
            ),
            models.Index(
                fields=["worker", "function"],
                condition=Q(status="RUNNING"),
                name="invocation_held",
            ),
            models.Index(
                fields=["id"], condition=Q(status="HELD"), name="invocation_on_hold"
            ),
            # What the database asks before it deletes a worker.
            models.Index(
                fields=["worker"],
                condition=Q(worker__isnull=False),
                name="invocation_of_worker",
            ),
            models.Index(fields=["function", "-id"], name="invocation_log"),
            models.Index(
                fields=["function", "status", "-id"], name="invocation_by_status"
            ),
            models.Index(
                fields=["root_id"],
                condition=Q(root_id__isnull=False),
                name="invocation_chain",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(status="RUNNING", worker__isnull=False)
                    | ~Q(status="RUNNING") & Q(worker__isnull=True)
                ),
                name="invocation_running_is_held",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status__in=("WAIT", "RUNNING"), finished_at__isnull=True)
                    | Q(status="HELD", finished_at__isnull=True, held_at__isnull=False)
                    | Q(
                        status__in=("SUCCESS", "FAIL", "DISCARD"),
                        finished_at__isnull=False,
                    )
                ),
                name="invocation_final_is_finished",
            ),
            models.CheckConstraint(
                condition=Q(deadline__gte=F("accepted_at")),
                name="invocation_deadline_after_acceptance",
            ),
        ]

    def __str__(self) -> str:
        return str(self.request_id)

    @property
    def is_finished(self) -> bool:
        return self.status in self.FINAL

    @property
    def told_by(self) -> "Delivery | None":
        """The notification that led here, directly or through a topic."""
        if self.source_delivery or self.source_message_delivery is None:
            return self.source_delivery
        message = self.source_message_delivery.message
        return message.source_delivery if message else None
