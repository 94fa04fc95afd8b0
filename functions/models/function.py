"""A function: the name under which versions and aliases live."""

import uuid
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions import names
from functions.models.project import Project

UNLIMITED = -1
DEFAULT_MAX_INSTANCES = 400


class FunctionQuerySet(models.QuerySet["Function"]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None)

    def in_project(self, project: Project) -> Self:
        return self.alive().filter(project=project)


class Function(models.Model):
    """Deleting one sets `deleted_at`, so that its history keeps its name.

    `max_instances` is how many invocations run at once: −1 is no limit, 0 disables
    the function. `tags` are keys and values, at most 20.
    """

    func_id = models.UUIDField(_("ID"), default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(
        Project, models.PROTECT, related_name="functions", verbose_name=_("project")
    )
    package = models.CharField(
        _("application"),
        max_length=60,
        default="default",
        validators=[names.function_name],
    )
    name = models.CharField(
        _("function name"), max_length=60, validators=[names.function_name]
    )
    max_instances = models.IntegerField(
        _("max. instances"),
        default=DEFAULT_MAX_INSTANCES,
        validators=[MinValueValidator(UNLIMITED), MaxValueValidator(1000)],
        help_text=_("−1 is no limit, 0 disables the function."),
    )
    is_demo = models.BooleanField(_("made by the demo"), default=False)
    is_pinned = models.BooleanField(_("pinned to the top"), default=False)
    tags = models.JSONField(_("tags"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    objects = FunctionQuerySet.as_manager()

    class Meta:
        verbose_name = _("function")
        verbose_name_plural = _("functions")
        constraints = [
            models.UniqueConstraint(
                fields=["project", "package", "name"],
                condition=models.Q(deleted_at=None),
                name="function_name_in_project",
            ),
            models.CheckConstraint(
                condition=models.Q(max_instances__gte=-1, max_instances__lte=1000),
                name="function_max_instances",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_enabled(self) -> bool:
        return self.max_instances != 0

    @property
    def is_available(self) -> bool:
        """Say whether the function may run: it exists and is not disabled."""
        return self.deleted_at is None and self.is_enabled

    @property
    def shown_name(self) -> str:
        """The name in lists and paths; with the application where that is needed."""
        return self.name if self.package == "default" else f"{self.package}/{self.name}"

    def urn(self, qualifier: str = names.LATEST) -> str:
        return str(
            names.Urn(
                settings.REGION,
                self.project.project_id,
                self.package,
                self.name,
                qualifier,
            )
        )
