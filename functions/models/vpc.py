"""Networks that functions are in: VPCs and their subnets."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.models.project import Project


class Vpc(models.Model):
    """A private network, as declared here; `cidr` is its range of addresses."""

    vpc_id = models.UUIDField(_("VPC ID"), default=uuid.uuid4, unique=True)
    project = models.ForeignKey(
        Project, models.CASCADE, related_name="vpcs", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=64)
    cidr = models.CharField(_("address range"), max_length=43, default="10.0.0.0/16")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("VPC")
        verbose_name_plural = _("VPCs")
        constraints = [
            models.UniqueConstraint("project", "name", name="vpc_name_in_project")
        ]

    def __str__(self) -> str:
        return self.name


class Subnet(models.Model):
    """A part of a VPC's range; a function with VPC access is in one."""

    subnet_id = models.UUIDField(_("subnet ID"), default=uuid.uuid4, unique=True)
    vpc = models.ForeignKey(
        Vpc, models.CASCADE, related_name="subnets", verbose_name=_("VPC")
    )
    name = models.CharField(_("name"), max_length=64)
    cidr = models.CharField(_("address range"), max_length=43)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("subnet")
        verbose_name_plural = _("subnets")
        constraints = [
            models.UniqueConstraint("vpc", "name", name="subnet_name_in_vpc")
        ]

    def __str__(self) -> str:
        return self.name
