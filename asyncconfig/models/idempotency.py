"""What a client calls one request, so that sending it twice runs it once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.invocation import Invocation
from functions.models import Function


class IdempotencyKey(models.Model):
    """A client's key for a request to a function, kept for 24 hours.

    `digest` is the SHA-256 of what was asked for: the same key with anything else
    is refused.
    """

    function = models.ForeignKey(
        Function, models.CASCADE, related_name="+", verbose_name=_("function")
    )
    key = models.CharField(_("idempotency key"), max_length=255)
    digest = models.CharField(_("digest"), max_length=64)
    invocation = models.OneToOneField(
        Invocation, models.CASCADE, related_name="+", verbose_name=_("invocation")
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint("function", "key", name="idempotency_key_once")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key
