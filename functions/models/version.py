"""Versions say what runs; an alias is a name that points at them."""

import json
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions import names
from functions.encryption import EncryptedTextField
from functions.models.agency import Agency, Reach
from functions.models.code import CodeBlob
from functions.models.function import Function
from functions.models.vpc import Subnet, Vpc

MEMORY_SIZES = [128, 256, 512, 768, *range(1024, 4097, 256), 8192, 10240]


class VersionQuerySet(models.QuerySet["Version"]):
    def alive(self) -> Self:
        return self.filter(deleted_at=None, function__deleted_at=None)


class Version(models.Model):
    """`latest` is editable; a published version never changes.

    `timeout` is in seconds (3–259200), `memory_size` in MB. `echoed` holds what API
    clients declare and get back unchanged; `docs/reference/api.md` lists it.
    """

    class CodeType(models.TextChoices):
        INLINE = "inline", _("Edited in place")
        ZIP = "zip", _("ZIP archive")

    function = models.ForeignKey(
        Function, models.PROTECT, related_name="versions", verbose_name=_("function")
    )
    name = models.CharField(
        _("version"),
        max_length=42,
        default=names.LATEST,
        validators=[names.version_name],
    )
    version_description = models.CharField(
        _("version description"), max_length=512, blank=True
    )
    description = models.CharField(_("description"), max_length=512, blank=True)
    runtime = models.CharField(_("runtime"), max_length=40)
    handler = models.CharField(
        _("handler"),
        max_length=128,
        default="index.handler",
        validators=[names.handler_name],
    )
    timeout = models.PositiveIntegerField(
        _("execution timeout (s)"),
        default=3,
        validators=[MinValueValidator(3), MaxValueValidator(259_200)],
    )
    memory_size = models.PositiveIntegerField(
        _("memory (MB)"), default=128, choices=[(size, size) for size in MEMORY_SIZES]
    )
    initializer_handler = models.CharField(
        _("initializer"), max_length=128, blank=True, validators=[names.handler_name]
    )
    initializer_timeout = models.PositiveIntegerField(
        _("initializer timeout (s)"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(300)],
    )
    network = models.BooleanField(
        _("public network access"), default=True, db_default=True
    )
    user_data_json = EncryptedTextField(default="{}")
    encrypted_user_data_json = EncryptedTextField(default="{}")
    echoed = models.JSONField(_("declared settings"), default=dict, blank=True)
    agency = models.ForeignKey(
        Agency,
        models.PROTECT,
        related_name="versions",
        null=True,
        blank=True,
        verbose_name=_("agency"),
    )
    vpc = models.ForeignKey(
        Vpc,
        models.PROTECT,
        related_name="versions",
        null=True,
        blank=True,
        verbose_name=_("VPC"),
    )
    subnet = models.ForeignKey(
        Subnet,
        models.PROTECT,
        related_name="versions",
        null=True,
        blank=True,
        verbose_name=_("subnet"),
    )
    code = models.ForeignKey(CodeBlob, models.PROTECT, verbose_name=_("code"))
    code_type = models.CharField(
        _("code type"), max_length=10, choices=CodeType, default=CodeType.INLINE
    )
    code_filename = models.CharField(
        _("code file name"), max_length=255, default="index.py"
    )
    revision = models.PositiveIntegerField(_("revision"), default=1)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    modified_at = models.DateTimeField(_("last modified"), auto_now=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(
                fields=["function", "name"],
                condition=models.Q(deleted_at=None),
                name="version_name_in_function",
            ),
            models.CheckConstraint(
                condition=models.Q(timeout__gte=3, timeout__lte=259_200),
                name="version_timeout",
            ),
            models.CheckConstraint(
                condition=models.Q(vpc__isnull=True, subnet__isnull=True)
                | models.Q(vpc__isnull=False, subnet__isnull=False),
                name="version_vpc_has_subnet",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.function.name}:{self.name}"

    @property
    def is_latest(self) -> bool:
        return self.name == names.LATEST

    @property
    def is_available(self) -> bool:
        return self.deleted_at is None and self.function.is_available

    @property
    def urn(self) -> str:
        return self.function.urn(self.name)

    @property
    def reach(self) -> Reach:
        """Where the agency's services are; without an agency, our own."""
        return self.agency.reach if self.agency else Reach()

    @property
    def user_data(self) -> dict[str, str]:
        """The environment variables a person set for the function."""
        data: dict[str, str] = json.loads(self.user_data_json)
        return data

    @user_data.setter
    def user_data(self, value: dict[str, str]) -> None:
        self.user_data_json = json.dumps(value)

    @property
    def encrypted_user_data(self) -> dict[str, str]:
        """The environment variables whose values are never shown again."""
        data: dict[str, str] = json.loads(self.encrypted_user_data_json)
        return data

    @encrypted_user_data.setter
    def encrypted_user_data(self, value: dict[str, str]) -> None:
        self.encrypted_user_data_json = json.dumps(value)

    @property
    def has_dynamic_memory(self) -> bool:
        """Say whether a call may ask for another memory size than the version's."""
        return bool(self.echoed.get("enable_dynamic_memory"))


class Alias(models.Model):
    """`additional_weights` sends a share (%) to another version: {"v2": 20}.

    `additional_strategy` picks it by request header instead.
    """

    function = models.ForeignKey(
        Function, models.CASCADE, related_name="aliases", verbose_name=_("function")
    )
    name = models.CharField(_("alias"), max_length=63, validators=[names.alias_name])
    version = models.ForeignKey(
        Version, models.PROTECT, related_name="aliases", verbose_name=_("version")
    )
    description = models.CharField(_("description"), max_length=512, blank=True)
    additional_weights = models.JSONField(
        _("additional version and weight"), default=dict, blank=True
    )
    additional_strategy = models.JSONField(
        _("additional version and rules"), default=dict, blank=True
    )
    modified_at = models.DateTimeField(_("last modified"), auto_now=True)

    class Meta:
        verbose_name = _("alias")
        verbose_name_plural = _("aliases")
        constraints = [
            models.UniqueConstraint("function", "name", name="alias_name_in_function")
        ]

    def __str__(self) -> str:
        return f"!{self.name}"
