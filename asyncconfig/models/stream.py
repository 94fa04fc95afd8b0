"""Streams of this installation's data ingestion service (DIS)."""

import re
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.models import Project

MAX_PARTITIONS = 50
NAME_FORM = re.compile(r"\A[A-Za-z0-9_-]{1,64}\Z")


class Stream(models.Model):
    """A stream and how many partitions it has; its records are in Redis Streams.

    Records are kept for `retention_hours` (24–168).
    """

    stream_id = models.UUIDField(_("stream ID"), default=uuid.uuid4, unique=True)
    project = models.ForeignKey(
        Project, models.CASCADE, related_name="streams", verbose_name=_("project")
    )
    name = models.CharField(
        _("name"),
        max_length=64,
        validators=[RegexValidator(NAME_FORM.pattern)],
    )
    partitions = models.PositiveSmallIntegerField(
        _("partitions"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_PARTITIONS)],
    )
    retention_hours = models.PositiveSmallIntegerField(
        _("kept for (hours)"),
        default=24,
        validators=[MinValueValidator(24), MaxValueValidator(168)],
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")
        constraints = [
            models.UniqueConstraint("project", "name", name="stream_name_in_project"),
            models.CheckConstraint(
                condition=models.Q(partitions__gte=1, partitions__lte=MAX_PARTITIONS),
                name="stream_partitions",
            ),
        ]

    def __str__(self) -> str:
        return self.name
