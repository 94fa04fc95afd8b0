"""A saved event to test a function with."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from functions import names
from functions.models.function import Function

MAX_PER_FUNCTION = 10
MAX_BYTES = 262_144


class TestEvent(models.Model):
    __test__ = False  # pytest: a model, not a test class

    event_id = models.UUIDField(_("ID"), default=uuid.uuid4, unique=True)
    function = models.ForeignKey(
        Function, models.CASCADE, related_name="test_events", verbose_name=_("function")
    )
    name = models.CharField(
        _("event name"), max_length=25, validators=[names.event_name]
    )
    content = models.BinaryField(_("event data"))
    modified_at = models.DateTimeField(_("last modified"), auto_now=True)
    used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("test event")
        verbose_name_plural = _("test events")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("function", "name", name="event_name_in_function")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        return bytes(self.content).decode()
