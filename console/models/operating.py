"""What operators may do across all projects; Django keeps who may."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Operating(models.Model):
    """Has no rows and no table: it is what the three permissions are attached to."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("look", "Operator: look"),
            ("act", "Operator: act"),
            ("administer", "Operator: administer"),
        ]
        verbose_name = _("operators")
        verbose_name_plural = _("operators")

    def __str__(self) -> str:
        return "operators"
