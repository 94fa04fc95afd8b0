"""RocketMQ instances that failures can be sent to, and what their network lets in."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.encryption import EncryptedTextField
from functions.models import Project, Vpc

DEFAULT_PORT = 8081


class RocketInstance(models.Model):
    """A RocketMQ 5 proxy (gRPC) at `host` and `port`, in a VPC.

    `topics` are the names that may be chosen. The key is empty where the broker
    asks for none; the secret is encrypted at rest.
    """

    instance_id = models.UUIDField(_("instance ID"), default=uuid.uuid4, unique=True)
    project = models.ForeignKey(
        Project,
        models.CASCADE,
        related_name="rocket_instances",
        verbose_name=_("project"),
    )
    name = models.CharField(_("name"), max_length=64)
    host = models.CharField(_("host"), max_length=255)
    port = models.PositiveIntegerField(
        _("port"),
        default=DEFAULT_PORT,
        validators=[MinValueValidator(1), MaxValueValidator(65_535)],
    )
    uses_tls = models.BooleanField(_("TLS"), default=True)
    access_key = models.CharField(_("user name"), max_length=128, blank=True)
    secret_key = EncryptedTextField(default="")
    topics = models.JSONField(_("topics"), default=list, blank=True)
    vpc = models.ForeignKey(
        Vpc,
        models.PROTECT,
        related_name="rocket_instances",
        verbose_name=_("VPC"),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("RocketMQ instance")
        verbose_name_plural = _("RocketMQ instances")
        constraints = [
            models.UniqueConstraint(
                "project", "name", name="rocket_instance_name_in_project"
            )
        ]

    def __str__(self) -> str:
        return self.name


class InboundRule(models.Model):
    """Traffic that an instance's security group lets in: ports, from addresses."""

    instance = models.ForeignKey(
        RocketInstance,
        models.CASCADE,
        related_name="inbound_rules",
        verbose_name=_("RocketMQ instance"),
    )
    first_port = models.PositiveIntegerField(
        _("first port"), validators=[MinValueValidator(1), MaxValueValidator(65_535)]
    )
    last_port = models.PositiveIntegerField(
        _("last port"), validators=[MinValueValidator(1), MaxValueValidator(65_535)]
    )
    source = models.CharField(_("source"), max_length=43, default="0.0.0.0/0")

    class Meta:
        verbose_name = _("inbound rule")
        verbose_name_plural = _("inbound rules")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(first_port__lte=models.F("last_port")),
                name="inbound_rule_ports",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ports} {self.source}"

    @property
    def ports(self) -> str:
        """The range as people read it: 8081, or 8081–8085."""
        if self.first_port == self.last_port:
            return str(self.first_port)
        return f"{self.first_port}–{self.last_port}"
