"""One execution of an invocation, with its log."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.invocation import Invocation
from functions import logs


class Attempt(models.Model):
    """What one claim of an invocation came to; written once, never changed.

    `number` is the execution's place among those that count (0: it does not).
    `is_late` marks the result of a worker that had lost the invocation: kept as
    evidence, it decided nothing. Durations are milliseconds of a monotonic clock.
    """

    class Kind(models.TextChoices):
        OK = "ok", _("Succeeded")
        CODE = "code", _("Code error")
        TIMEOUT = "timeout", _("Timed out")
        INIT = "init", _("Initialization failed")
        LOAD = "load", _("Load failed")
        MEMORY = "memory", _("Memory exceeded")
        DISK = "disk", _("Disk exceeded")
        RESULT = "result", _("Result refused")
        LOST = "lost", _("Worker lost")
        SYSTEM = "system", _("System error")
        CANCELLED = "cancelled", _("Cancelled")

    invocation = models.ForeignKey(
        Invocation,
        models.CASCADE,
        related_name="attempt_set",
        verbose_name=_("invocation"),
    )
    number = models.PositiveSmallIntegerField(_("number"))
    epoch = models.PositiveIntegerField(_("epoch"))
    kind = models.CharField(_("result"), max_length=10, choices=Kind)
    is_late = models.BooleanField(_("late result"), default=False)
    error_code = models.IntegerField(_("error code"), default=0)
    error = models.TextField(_("error"), blank=True)
    result = models.BinaryField(_("error detail"), default=b"")
    worker_name = models.CharField(_("worker"), max_length=255, blank=True)
    instance = models.CharField(_("instance"), max_length=40, blank=True)
    is_cold = models.BooleanField(_("cold start"), default=False)
    due_at = models.DateTimeField(_("due"), null=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"))
    duration_ms = models.FloatField(_("duration (ms)"), default=0)
    init_ms = models.FloatField(_("initialization (ms)"), default=0)
    memory_mb = models.FloatField(_("memory used (MB)"), default=0)
    log = models.BinaryField(_("log"), default=b"")
    log_truncated = models.BooleanField(_("log shortened"), default=False)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invocation", "epoch"],
                condition=models.Q(is_late=False),
                name="attempt_once_per_claim",
            ),
            models.UniqueConstraint(
                fields=["invocation", "number"],
                condition=models.Q(number__gt=0),
                name="attempt_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invocation} #{self.number}"

    @property
    def log_text(self) -> str:
        return logs.plain(bytes(self.log)).decode("utf-8", "replace")

    @property
    def log_parts(self) -> list[logs.Part]:
        return logs.parts(bytes(self.log))
