"""Destination: a topic of SMN, here or in the cloud, which tells its subscribers."""

import json
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from asyncconfig.clients import cloud
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations.base import (
    Destination,
    ParamForm,
    Parcel,
    read_param,
)
from asyncconfig.exceptions import DeliveryError, TopicGone
from asyncconfig.models import Topic
from asyncconfig.models.config import SMN
from asyncconfig.models.topic import URN
from asyncconfig.receipt import Receipt
from asyncconfig.services.topics import keeping
from asyncconfig.wanted import Target
from functions.models import Version
from functions.models.agency import PUBLISH, Reach

# What every message carries, here and elsewhere: what arrives twice has the same one.
DELIVERY_ID = "delivery_id"
SERVICE = cloud.Service(
    SMN,
    sdk="huaweicloudsdksmn.v2",
    client="SmnClient",
    not_there=gettext_lazy("SMN has no such topic: %(code)s %(message)s"),
    missing=frozenset({"SMN.0006"}),
)
CHOOSE = gettext_lazy("Choose a topic.")


class TopicTargetForm(ParamForm):
    """Which topic: one of the project's, or the URN of one in the cloud."""

    def __init__(self, *args: Any, version: Version, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._version = version
        self.fields["topic_urn"] = _topic_field(version)

    def clean_topic_urn(self) -> str:
        urn = str(self.cleaned_data["topic_urn"]).strip()
        _read(self.param_of(urn), self._version)
        return urn

    def param(self) -> str:
        return self.param_of(self.cleaned_data["topic_urn"])

    @staticmethod
    def param_of(urn: str) -> str:
        return json.dumps({"topic_urn": urn})

    def note(self) -> str:
        """Say how many subscribers a topic of this console has."""
        urn = str(self["topic_urn"].value() or "")
        try:
            topic = keeping.find(self._version.function.project, urn)
        except TopicGone:
            return ""
        n = _confirmed(topic)
        return ngettext(
            "%(n)d confirmed subscription.", "%(n)d confirmed subscriptions.", n
        ) % {"n": n}


def _topic_field(version: Version) -> forms.Field:
    label = gettext_lazy("Topic")
    errors = {"required": CHOOSE, "invalid_choice": CHOOSE}
    if not _is_local(version):
        return forms.CharField(
            label=label,
            max_length=400,
            error_messages=errors,
            help_text=gettext_lazy(
                "The URN of the topic, urn:smn:region:project:name."
            ),
        )
    project = version.function.project
    found = Topic.objects.filter(project=project).select_related("project")
    named = [(topic.urn, topic.name) for topic in found.order_by("name")]
    return forms.ChoiceField(
        label=label,
        choices=[("", gettext_lazy("Choose a topic")), *named],
        error_messages=errors,
    )


class TopicDestination(Destination):
    kind = SMN
    label = gettext_lazy("SMN")
    action = PUBLISH

    def form(self, version: Version, **kwargs: Any) -> TopicTargetForm:
        return TopicTargetForm(version=version, **kwargs)

    def initial(self, param: str, version: Version) -> dict[str, Any]:
        return {"topic_urn": _urn(param)}

    def read(self, param: str, version: Version) -> Target:
        """Read {"topic_urn": …}; a topic of this console must be the project's own."""
        return _read(param, version)

    def verify(self, param: str, version: Version) -> str:
        if _is_local(version):
            return ""
        urn = _urn(param)
        reach = _reach(version, urn)
        return cloud.look(SERVICE, reach, "list_topic_details", topic_urn=urn)

    def is_written_here(self, version: Version) -> bool:
        return _is_local(version)

    def send(self, parcel: Parcel) -> Receipt:
        """Publish the record: here exactly once, elsewhere at least once."""
        is_local = _is_local(parcel.version)
        message_id = _publish_here(parcel) if is_local else _publish_remotely(parcel)
        return Receipt(
            _("Published as message %(id)s.") % {"id": message_id}, message_id
        )


def _publish_here(parcel: Parcel) -> str:
    publication = keeping.Publication(
        text=parcel.record.decode(),
        subject=_subject(parcel),
        attributes={DELIVERY_ID: parcel.parcel_id.hex},
    )
    try:
        topic = keeping.find(parcel.version.function.project, _urn(parcel.param))
        message = keeping.publish(topic, publication, delivery=parcel.delivery)
    except TopicGone as error:
        raise DeliveryError(str(error), permanent=True) from error
    return message.message_id.hex


def _publish_remotely(parcel: Parcel) -> str:
    urn = _urn(parcel.param)
    reach = _reach(parcel.version, urn)
    attribute = {
        "name": DELIVERY_ID,
        "type": "STRING",
        "value": parcel.parcel_id.hex,
    }
    body = {
        "subject": _subject(parcel),
        "message": parcel.record.decode(),
        "message_attributes": [attribute],
    }
    answer = cloud.call(SERVICE, reach, "publish_message", topic_urn=urn, body=body)
    message_id = str(answer.message_id or "")
    if not cloud.ID.match(message_id):
        raise cloud.stranger(SERVICE, reach)
    return message_id


def _reach(version: Version, urn: str) -> Reach:
    """Return how the topic is reached: its URN names the project, if nobody else."""
    reach = version.reach
    return replace(reach, project_id=reach.project_id or urn.split(":")[3])


def _is_local(version: Version) -> bool:
    return not version.reach.endpoint(SMN)


def _urn(param: str) -> str:
    urn = read_param(param, CHOOSE).get("topic_urn")
    if not isinstance(urn, str) or not URN.match(urn):
        raise ValidationError(CHOOSE, code="invalid")
    return urn


def _read(param: str, version: Version) -> Target:
    urn = _urn(param)
    name = urn.rpartition(":")[2]
    if not _is_local(version):
        return Target(name, version.reach.key(SMN, urn))
    try:
        topic = keeping.find(version.function.project, urn)
    except TopicGone as error:
        raise ValidationError(str(error), code="gone") from error
    warnings: tuple[str, ...] = ()
    if not _confirmed(topic):
        sentence = _(
            "Topic %(name)s has no confirmed subscription, so nobody receives its "
            "messages."
        )
        warnings = (sentence % {"name": name},)
    return Target(name, urn, warnings=warnings)


def _confirmed(topic: Topic) -> int:
    return topic.subscriptions.filter(confirmed_at__isnull=False).count()


def _subject(parcel: Parcel) -> str:
    """Return function and outcome, for the line that a person reads first."""
    name = parcel.version.function.name
    if parcel.delivery is None:
        return f"{name} test"
    is_good = parcel.delivery.side == Side.SUCCESS
    return f"{name} succeeded" if is_good else f"{name} failed"
