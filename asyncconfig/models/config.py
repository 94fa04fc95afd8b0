"""Async configuration: an immutable revision per version and change."""

from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from asyncconfig.decisions.sides import Side
from functions.models import Function, Version

FUNCTION, OBS, DIS, SMN, ROCKETMQ = "FunctionGraph", "OBS", "DIS", "SMN", "RocketMQ"
MAX_RETRIES = 3
DEFAULT_RETRIES = 1
MAX_AGE_SECONDS = 86_400
DEFAULT_AGE_SECONDS = 3600


@dataclass(frozen=True)
class Chosen:
    """A destination as configured.

    `target` is its name for people, `key` the real thing behind it: two targets
    that differ in a prefix only share their key.
    """

    kind: str
    param: str
    target: str
    key: str


class AsyncConfigQuerySet(models.QuerySet["AsyncConfig"]):
    def current(self) -> Self:
        """Return the revisions in force; a removed configuration has none."""
        return self.filter(is_current=True, removed=False)

    def for_version(self, version: Version) -> "AsyncConfig | None":
        return self.current().filter(version=version).first()


class AsyncConfig(models.Model):
    """How a version's asynchronous requests are retried and who is told.

    Rows are never changed but for `is_current`; an invocation points at the one
    it was accepted with. Removing the configuration is a revision of its own
    (`removed`), so that the number always tells whether somebody changed it
    meanwhile. A destination is a kind (FunctionGraph, OBS, …; "" is none) and
    `param`, a string of JSON exactly as the API gave it (docs/reference/api.md); the
    target's name, and the function when it is one, are worked out when saving.
    """

    version = models.ForeignKey(
        Version,
        models.PROTECT,
        related_name="async_configs",
        verbose_name=_("version"),
    )
    number = models.PositiveIntegerField(_("revision"))
    is_current = models.BooleanField(_("current"), default=True)
    removed = models.BooleanField(_("removed"), default=False)
    max_retries = models.PositiveSmallIntegerField(
        _("max. retries"),
        default=DEFAULT_RETRIES,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_RETRIES)],
    )
    max_age_seconds = models.PositiveIntegerField(
        _("max. validity period (s)"),
        default=DEFAULT_AGE_SECONDS,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_AGE_SECONDS)],
    )
    record_status = models.BooleanField(_("record invocation status"), default=False)
    on_success_kind = models.CharField(
        _("on success: target service"), max_length=20, blank=True
    )
    on_success_param = models.TextField(_("on success: parameters"), blank=True)
    on_success_target = models.CharField(
        _("on success: target"), max_length=512, blank=True
    )
    on_success_target_key = models.CharField(
        _("on success: target key"), max_length=512, blank=True
    )
    on_success_function = models.ForeignKey(
        Function,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="told_of_success_by",
        verbose_name=_("on success: function"),
    )
    on_failure_kind = models.CharField(
        _("on failure: target service"), max_length=20, blank=True
    )
    on_failure_param = models.TextField(_("on failure: parameters"), blank=True)
    on_failure_target = models.CharField(
        _("on failure: target"), max_length=512, blank=True
    )
    on_failure_target_key = models.CharField(
        _("on failure: target key"), max_length=512, blank=True
    )
    on_failure_function = models.ForeignKey(
        Function,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="told_of_failure_by",
        verbose_name=_("on failure: function"),
    )
    accepted_loop = models.CharField(
        _("accepted loop"),
        max_length=64,
        blank=True,
        help_text=_("The digest of the loop path that was accepted when saving."),
    )
    first_created_at = models.DateTimeField(_("configuration created"))
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("created by"),
    )

    objects = AsyncConfigQuerySet.as_manager()

    class Meta:
        verbose_name = _("async configuration")
        verbose_name_plural = _("async configurations")
        constraints = [
            models.UniqueConstraint("version", "number", name="config_number"),
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(is_current=True),
                name="config_one_current",
            ),
            models.CheckConstraint(
                condition=Q(max_retries__gte=0, max_retries__lte=MAX_RETRIES),
                name="config_retries",
            ),
            models.CheckConstraint(
                condition=Q(
                    max_age_seconds__gte=1, max_age_seconds__lte=MAX_AGE_SECONDS
                ),
                name="config_age",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} r{self.number}"

    def destination(self, side: Side) -> Chosen:
        """Return who is told on a side; its kind may be ""."""
        if side == Side.SUCCESS:
            return Chosen(
                self.on_success_kind,
                self.on_success_param,
                self.on_success_target,
                self.on_success_target_key,
            )
        return Chosen(
            self.on_failure_kind,
            self.on_failure_param,
            self.on_failure_target,
            self.on_failure_target_key,
        )

    def function_told(self, side: Side) -> Function | None:
        """Return the function that is told on a side, where it is one."""
        if side == Side.SUCCESS:
            return self.on_success_function
        return self.on_failure_function
