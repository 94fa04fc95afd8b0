"""An agency (委托): in whose name a function reaches other services."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from functions.encryption import EncryptedTextField
from functions.models.project import Project

INVOKE_ASYNC = "functiongraph:function:invokeAsync"
PUT_OBJECT = "obs:object:PutObject"
PUT_RECORDS = "dis:streams:putRecords"
PUBLISH = "smn:topic:publish"
SEND_MESSAGE = "rocketmq:topic:send"
ACTIONS = (INVOKE_ASYNC, PUT_OBJECT, PUT_RECORDS, PUBLISH, SEND_MESSAGE)
# The kinds of destinations whose service an agency may place elsewhere.
PLACED_SERVICES = ("OBS", "DIS", "SMN")
DEFAULT_AGENCY = "fgconsole-default"


def validate_actions(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise ValidationError(
            _("Write a JSON list of action names, for example [“%(example)s”]."),
            params={"example": INVOKE_ASYNC},
        )


@dataclass(frozen=True)
class Reach:
    """Where an agency's services are, and with which key they are called.

    `endpoints` is a URL by kind of destination (OBS, DIS, SMN); a kind without one
    is the service of this installation, which needs no key. `project_id` and
    `region` are those of the account that the key belongs to.
    """

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    project_id: str = ""
    region: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, kind: str) -> str:
        """Return the service's URL, or "" for this installation's own."""
        return self.endpoints.get(kind, "")

    def key(self, kind: str, name: str) -> str:
        """Name a thing of a service; those of another have its host in front."""
        endpoint = self.endpoint(kind)
        return f"{urlsplit(endpoint).netloc[-400:]}/{name}" if endpoint else name


class Agency(models.Model):
    """Named rights; what they reach is encrypted at rest."""

    project = models.ForeignKey(
        Project, models.CASCADE, related_name="agencies", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=64)
    actions = models.JSONField(
        _("allowed actions"), default=list, blank=True, validators=[validate_actions]
    )
    reach_json = EncryptedTextField(default="{}")
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

    @property
    def reach(self) -> Reach:
        return Reach(**json.loads(self.reach_json))

    @reach.setter
    def reach(self, value: Reach) -> None:
        self.reach_json = json.dumps(asdict(value))
