"""A project owns functions; its members see them, strangers do not."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


def new_project_id() -> str:
    return uuid.uuid4().hex


class ProjectQuerySet(models.QuerySet["Project"]):
    def of(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Return the projects a person may enter; a superuser enters all."""
        if isinstance(user, User) and user.is_superuser:
            return self
        return self.filter(members=user.pk) if user.pk else self.none()


class Project(models.Model):
    project_id = models.CharField(
        _("project ID"),
        max_length=32,
        unique=True,
        default=new_project_id,
        validators=[RegexValidator(r"\A[0-9a-f]{32}\Z")],
    )
    name = models.CharField(_("name"), max_length=64)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="projects",
        blank=True,
        verbose_name=_("members"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")

    def __str__(self) -> str:
        return self.name
