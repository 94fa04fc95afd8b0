"""Destination: a topic of a RocketMQ 5 instance, for failures only (public beta)."""

import json
import re
import socket
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from asyncconfig.clients import rocketmq_channels, rocketmq_client
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations.base import (
    Destination,
    Finding,
    ParamForm,
    Parcel,
    read_param,
)
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import RocketInstance
from asyncconfig.models.config import ROCKETMQ
from asyncconfig.receipt import Receipt
from asyncconfig.services.rocketmq import network
from asyncconfig.wanted import Target
from functions.addresses import AddressRefused, AddressUnknown
from functions.forms.network import ByUuidField
from functions.models import Version
from functions.models.agency import SEND_MESSAGE

CHOOSE = gettext_lazy("Choose a RocketMQ instance and topic.")
# RocketMQ itself refuses blanks, control characters and "|", which parts tags in a
# subscription; the length is that of the clouds that offer it.
TAG = re.compile(r"\A[^|\s\x00-\x1f\x7f-\x9f]{1,128}\Z")
# To connect; looking for the address comes before.
VERIFY_SECONDS = 1


class RocketForm(ParamForm):
    """Which instance, which of its topics, and a tag for consumers to filter by."""

    instance = ByUuidField(
        RocketInstance.objects.none(),
        label=gettext_lazy("Instance"),
        empty_label=gettext_lazy("Choose an instance"),
        to_field_name="instance_id",
        widget=forms.Select(attrs={"class": "select"}),
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )
    topic = forms.ChoiceField(
        label=gettext_lazy(
            "Topic",
        ),
        widget=forms.Select(attrs={"class": "select"}),
        error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
    )
    tag = forms.CharField(
        label=gettext_lazy("Tag"),
        required=False,
        max_length=128,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, version: Version, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._version = version
        instances = RocketInstance.objects.filter(project=version.function.project)
        self.fields["instance"].queryset = (  # type: ignore[attr-defined]
            instances.select_related("vpc").order_by("name")
        )
        topics = self.chosen.topics if self.chosen else []
        self.fields["topic"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose a topic")),
            *((topic, topic) for topic in topics),
        ]

    @cached_property
    def chosen(self) -> RocketInstance | None:
        """The instance that is chosen now, right or not."""
        text = str(self["instance"].value() or "")
        return _instance(self._version, text)

    def clean_tag(self) -> str:
        return _checked_tag(self.cleaned_data["tag"].strip())

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        instance = cleaned.get("instance")
        if instance:
            for sentence in network.refusals(self._version, instance):
                self.add_error("instance", sentence)
        return cleaned

    def param(self) -> str:
        instance: RocketInstance = self.cleaned_data["instance"]
        told = {
            "instance_id": str(instance.instance_id),
            "topic": self.cleaned_data["topic"],
            "tag": self.cleaned_data["tag"],
        }
        return json.dumps(told)

    def note(self) -> str:
        return network.describe(self._version, self.chosen) if self.chosen else ""

    def findings(self) -> list[Finding]:
        if self.chosen is None:
            return []
        refusals = network.refusals(self._version, self.chosen)
        return [Finding(sentence, is_ok=False) for sentence in refusals] or [
            Finding(_("The network lets it through"), is_ok=True)
        ]


class RocketDestination(Destination):
    kind = ROCKETMQ
    label = gettext_lazy("RocketMQ")
    action = SEND_MESSAGE
    sides = (Side.FAILURE,)
    is_beta = True

    def form(self, version: Version, **kwargs: Any) -> RocketForm:
        return RocketForm(version=version, **kwargs)

    def initial(self, param: str, version: Version) -> dict[str, Any]:
        parsed = _parsed(param)
        return {
            "instance": parsed["instance_id"],
            "topic": parsed["topic"],
            "tag": parsed["tag"],
        }

    def read(self, param: str, version: Version) -> Target:
        """Read {"instance_id", "topic", "tag"}; holds the guide's four checks."""
        params = _parsed(param)
        instance = _instance(version, params["instance_id"])
        if instance is None:
            raise ValidationError(CHOOSE)
        if params["topic"] not in instance.topics:
            raise ValidationError(
                _(
                    "Topic %(topic)s is not listed for instance %(instance)s. "
                    "Add it on the instance's page, or choose another."
                )
                % {"topic": params["topic"], "instance": instance.name}
            )
        _checked_tag(params["tag"])
        if refusals := network.refusals(version, instance):
            raise ValidationError(refusals)
        return Target(
            f"{instance.name}/{params['topic']}",
            f"{instance.instance_id}/{params['topic']}",
        )

    def verify(self, param: str, version: Version) -> str:
        """Warn when nothing listens at the instance's address."""
        instance = _instance(version, _parsed(param)["instance_id"])
        if instance is None:
            return ""
        try:
            address = rocketmq_channels.resolve(instance.host, instance.port)
            with socket.create_connection((address, instance.port), VERIFY_SECONDS):
                return ""
        except (AddressRefused, AddressUnknown) as error:
            return str(error)
        except OSError as error:
            return _(
                "RocketMQ instance %(name)s does not answer at %(address)s at the "
                "moment: %(said)s"
            ) % {
                "name": instance.name,
                "address": f"{instance.host}:{instance.port}",
                "said": error.strerror or error,
            }

    def send(self, parcel: Parcel) -> Receipt:
        """Send the record; its keys are the delivery's and the request's IDs."""
        parsed = _parsed(parcel.param)
        instance = _instance(parcel.version, parsed["instance_id"])
        if instance is None:
            raise DeliveryError(str(CHOOSE), permanent=True)
        letter = rocketmq_client.BrokerMessage(
            topic=parsed["topic"],
            body=parcel.record,
            keys=(str(parcel.parcel_id), str(parcel.request_id)),
            tag=parsed["tag"],
        )
        message_id = rocketmq_client.send(broker_of(instance), letter)
        return Receipt(_("Stored as message %(id)s.") % {"id": message_id}, message_id)


def broker_of(instance: RocketInstance) -> rocketmq_client.Broker:
    return rocketmq_client.Broker(
        name=instance.name,
        host=instance.host,
        port=instance.port,
        uses_tls=instance.uses_tls,
        access_key=instance.access_key,
        secret_key=instance.secret_key,
    )


def _parsed(param: str) -> dict[str, str]:
    """Return the parameters as texts; ValidationError when it is not such JSON."""
    parsed = read_param(param, CHOOSE, own="tag")
    fields = {name: parsed.get(name) or "" for name in ("instance_id", "topic", "tag")}
    if not all(isinstance(value, str) for value in fields.values()):
        raise ValidationError(CHOOSE)
    return fields


def _instance(version: Version, text: str) -> RocketInstance | None:
    try:
        instance_id = UUID(text)
    except ValueError:
        return None
    instances = RocketInstance.objects.filter(project=version.function.project)
    return instances.filter(instance_id=instance_id).select_related("vpc").first()


def _checked_tag(tag: str) -> str:
    if tag and not TAG.match(tag):
        raise ValidationError(
            _("A tag has 1–128 characters, without spaces and “|”. Correct it.")
        )
    return tag
