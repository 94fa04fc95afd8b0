"""An access key signs API requests in a user's name."""

import secrets
import string

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.encryption import EncryptedTextField

LETTERS = string.ascii_uppercase + string.digits


def new_access_key() -> str:
    return "".join(secrets.choice(LETTERS) for _place in range(20))


def new_secret() -> str:
    return secrets.token_urlsafe(30)


class AccessKey(models.Model):
    """The secret is encrypted at rest; the server needs it to check signatures."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="access_keys",
        verbose_name=_("user"),
    )
    access_key = models.CharField(
        _("access key ID"), max_length=40, unique=True, default=new_access_key
    )
    secret = EncryptedTextField(default=new_secret)
    description = models.CharField(_("description"), max_length=255, blank=True)
    is_active = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    last_used_from = models.GenericIPAddressField(
        _("last used from"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("access key")
        verbose_name_plural = _("access keys")

    def __str__(self) -> str:
        return self.access_key
