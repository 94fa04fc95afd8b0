"""An agency (委托): in whose name a function reaches other services."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.models.project import Project

INVOKE_ASYNC = "functiongraph:function:invokeAsync"
DEFAULT_AGENCY = "fgconsole-default"


def validate_actions(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise ValidationError(
            _("Write a JSON list of action names, for example [“%(example)s”]."),
            params={"example": INVOKE_ASYNC},
        )


class Agency(models.Model):
    project = models.ForeignKey(
        Project, models.CASCADE, related_name="agencies", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=64)
    actions = models.JSONField(
        _("allowed actions"), default=list, blank=True, validators=[validate_actions]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("agency")
        verbose_name_plural = _("agencies")
        constraints = [
            models.UniqueConstraint("project", "name", name="agency_name_in_project")
        ]

    def __str__(self) -> str:
        return self.name

    def allows(self, action: str) -> bool:
        return action in self.actions
