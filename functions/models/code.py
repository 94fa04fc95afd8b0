"""Code, stored once per content and never changed."""

import hashlib
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class CodeBlob(models.Model):
    digest = models.CharField(_("SHA-512"), max_length=128, primary_key=True)
    size = models.PositiveIntegerField(_("size in bytes"))
    content = models.BinaryField(_("content"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("code")
        verbose_name_plural = _("code")

    def __str__(self) -> str:
        return self.digest[:12]

    @classmethod
    def keep(cls, content: bytes) -> Self:
        """Store the content, or find it when it is stored already."""
        digest = hashlib.sha512(content).hexdigest()
        blob, _created = cls.objects.get_or_create(
            digest=digest, defaults={"size": len(content), "content": content}
        )
        return blob
