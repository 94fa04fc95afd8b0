"""Topics of this installation's notification service (SMN), and who listens."""

import re
import secrets
import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.models import Function, Project

URN = re.compile(
    r"\Aurn:smn:(?P<region>[a-z0-9-]{1,64}):(?P<project>[A-Za-z0-9]{1,64})"
    r":(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,254})\Z"
)


def is_here(project: Project, urn: str) -> bool:
    """Say whether a topic's URN is one of the project's, in this region."""
    return urn.startswith(_prefix(project))


def _prefix(project: Project) -> str:
    return f"urn:smn:{settings.REGION}:{project.project_id}:"


def new_token() -> str:
    return secrets.token_urlsafe(32)


class Topic(models.Model):
    """A name that messages are published to; 1–255 letters, digits, - and _."""

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="topics", verbose_name=_("project")
    )
    name = models.CharField(
        _("name"),
        max_length=255,
        validators=[RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,254}\Z")],
    )
    display_name = models.CharField(_("display name"), max_length=192, blank=True)
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        constraints = [
            models.UniqueConstraint("project", "name", name="topic_name_in_project")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def urn(self) -> str:
        return f"{_prefix(self.project)}{self.name}"


class Subscription(models.Model):
    """Who receives a topic's messages, once confirmed.

    `endpoint` is a URL, an e-mail address or a function's URN. A function of the
    own project needs no confirmation; others open the link they are sent, which
    carries `token`.
    """

    class Protocol(models.TextChoices):
        HTTP = "http", _("HTTP")
        HTTPS = "https", _("HTTPS")
        EMAIL = "email", _("E-mail")
        FUNCTION = "functionstage", _("Function")

    subscription_id = models.UUIDField(_("ID"), default=uuid.uuid4, unique=True)
    topic = models.ForeignKey(
        Topic, models.CASCADE, related_name="subscriptions", verbose_name=_("topic")
    )
    protocol = models.CharField(_("protocol"), max_length=20, choices=Protocol)
    endpoint = models.CharField(_("endpoint"), max_length=1024)
    function = models.ForeignKey(
        Function,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="subscriptions",
        verbose_name=_("function"),
    )
    remark = models.CharField(_("remark"), max_length=128, blank=True)
    token = models.CharField(max_length=64, unique=True, default=new_token)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(
                "topic", "protocol", "endpoint", name="subscription_once_per_endpoint"
            )
        ]

    def __str__(self) -> str:
        return f"{self.protocol} {self.endpoint}"

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None

    @property
    def urn(self) -> str:
        return f"{self.topic.urn}:{self.subscription_id.hex}"
