"""What somebody calls one request, so that sending it twice runs it once."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from asyncconfig.models.invocation import Invocation
from functions.encryption import EncryptedTextField
from functions.models import Function


class IdempotencyKey(models.Model):
    """A key of an API client for a request, or of a person for a form.

    `digest` is the SHA-256 of what was asked for. A client's key belongs to a function
    and names the invocation; with anything else it is refused. A person's key stands
    for the digest only, and `answer` is what came of it: None until that is known.
    """

    function = models.ForeignKey(
        Function,
        models.CASCADE,
        related_name="+",
        null=True,
        verbose_name=_("function"),
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="+",
        null=True,
        verbose_name=_("person"),
    )
    key = models.CharField(_("idempotency key"), max_length=255)
    digest = models.CharField(_("digest"), max_length=64)
    invocation = models.OneToOneField(
        Invocation,
        models.CASCADE,
        related_name="+",
        null=True,
        verbose_name=_("invocation"),
    )
    answer = EncryptedTextField(null=True, default=None)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint("function", "key", name="idempotency_key_once"),
            models.UniqueConstraint(
                fields=["person", "key", "digest"], name="idempotency_form_once"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key
