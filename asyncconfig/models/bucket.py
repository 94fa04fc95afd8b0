"""Buckets of this installation's object storage, and when objects expire."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.models import Project


class Bucket(models.Model):
    """Who owns a bucket; its objects are in the storage. 3–63 characters, as in S3."""

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="buckets", verbose_name=_("project")
    )
    name = models.CharField(
        _("name"),
        max_length=63,
        unique=True,
        validators=[RegexValidator(r"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")],
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("bucket")
        verbose_name_plural = _("buckets")

    def __str__(self) -> str:
        return self.name


class ObjectExpiry(models.Model):
    """When an object in one of our buckets is to be deleted."""

    bucket = models.ForeignKey(
        Bucket, models.CASCADE, related_name="expiries", verbose_name=_("bucket")
    )
    key = models.CharField(_("key"), max_length=1024)
    expires_at = models.DateTimeField(_("expires"), db_index=True)

    class Meta:
        verbose_name = _("object expiry")
        verbose_name_plural = _("object expiries")
        constraints = [
            models.UniqueConstraint("bucket", "key", name="expiry_once_per_object")
        ]

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"
