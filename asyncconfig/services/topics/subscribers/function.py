"""Subscribers that are functions: started with SMN's event, exactly once."""

import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from asyncconfig.exceptions import DeliveryError
from asyncconfig.invocations import accepting, starting
from asyncconfig.models import Subscription
from asyncconfig.receipt import Receipt
from asyncconfig.services.topics.subscribers.base import Endpoint, Letter, Subscriber
from functions import names
from functions.models import Function, Project


class FunctionSubscriber(Subscriber):
    protocol = Subscription.Protocol.FUNCTION.value

    def read(self, endpoint: str, project: Project) -> Endpoint:
        """Read the URN of a function of the same project, or a short form of it."""
        urn = _parse(endpoint, project.project_id)
        if urn is None or urn.project != project.project_id:
            raise ValidationError(_("Choose a function of this project."))
        resolved = starting.find_version(project, urn)
        function = resolved.version.function
        return Endpoint(function.urn(urn.qualifier), function)

    def key(self, endpoint: str) -> str:
        urn = _parse(endpoint, "")
        return f"{urn.package}/{urn.function}" if urn else endpoint

    def is_written_here(self) -> bool:
        return True

    def send(self, endpoint: str, letter: Letter) -> Receipt:
        """Accept the event as a request, in the transaction that settles it."""
        subscription = letter.message_delivery.subscription
        message = letter.message_delivery.message
        urn = _parse(endpoint, "")
        if subscription is None or message is None or urn is None:
            raise DeliveryError(_("Choose a function of this project."), permanent=True)
        origin = accepting.Origin(
            by=letter.topic_urn,
            message_delivery=letter.message_delivery,
            hops=message.hops + 1,
            root_id=message.root_id,
        )
        with starting.delivering():
            resolved = starting.find_version(subscription.topic.project, urn)
            event = json.dumps(_event(resolved.version.function, letter)).encode()
            accepted = accepting.accept(resolved, event, origin=origin)
        return starting.receipt(accepted)


def _parse(text: str, project: str) -> names.Urn | None:
    urn = names.parse_urn(text, region=settings.REGION, project=project)
    return urn if urn and urn.region == settings.REGION else None


def _event(function: Function, letter: Letter) -> dict[str, Any]:
    """Return the event as SMN sends it to functions (docs/reference/smn.md)."""
    sent = {
        "topic_urn": letter.topic_urn,
        "timestamp": _time(letter.sent_at),
        "message_attributes": dict(letter.attributes) or None,
        "message": letter.text,
        "type": "notification",
        "message_id": letter.message_id,
        "subject": letter.subject,
    }
    record = {
        "event_version": "1.0",
        "smn": sent,
        "event_subscription_urn": letter.subscription_urn,
        "event_source": "smn",
    }
    return {
        "record": [record],
        "functionname": function.name,
        "requestId": letter.message_delivery.delivery_id.hex,
        "timestamp": _time(letter.sent_at),
    }


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
