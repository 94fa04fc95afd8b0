"""The log stream that a project switched on, as its clients know it."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.models.project import Project


class LogStream(models.Model):
    """A switch with names: the logs themselves are always kept here.

    Clients of the cloud switch logs on per project and read back the names of the
    group and stream; both exist to be told, nothing is written to them.
    """

    class Kind(models.TextChoices):
        RUN = "run", _("Function logs")
        ASYNC_STATUS = "async-status", _("Asynchronous invocation status")

    project = models.ForeignKey(
        Project,
        models.CASCADE,
        related_name="log_streams",
        verbose_name=_("project"),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    group_id = models.UUIDField(_("group ID"), default=uuid.uuid4)
    stream_id = models.UUIDField(_("stream ID"), default=uuid.uuid4)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("log stream")
        verbose_name_plural = _("log streams")
        constraints = [
            models.UniqueConstraint("project", "kind", name="log_stream_in_project")
        ]

    def __str__(self) -> str:
        return self.stream_name

    @property
    def group_name(self) -> str:
        return f"{self._prefix}-group-{self.project.project_id}"

    @property
    def stream_name(self) -> str:
        return f"{self._prefix}-stream-{self.project.project_id}"

    @property
    def _prefix(self) -> str:
        is_async = self.kind == self.Kind.ASYNC_STATUS
        return "function-async-log" if is_async else "functiongraph.log"
