"""What is known of this installation as a whole: one row."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Installation(models.Model):
    """There is at most one row, whose key is 1.

    `checked_at` is when somebody last looked whether the database can be written.
    `restored_at` is when it was put back from a back-up: older tokens are void.
    """

    ONLY = 1

    checked_at = models.DateTimeField(_("last checked"), null=True)

    restored_at = models.DateTimeField(_("restored"), null=True)

    class Meta:
        verbose_name = _("installation")
        verbose_name_plural = _("installations")

    def __str__(self) -> str:
        return "installation"
