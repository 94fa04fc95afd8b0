"""Subscribers reached over HTTP(S): a POST of JSON, as SMN sends it."""

import json
from datetime import UTC
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from asyncconfig.clients import outgoing
from asyncconfig.exceptions import DeliveryError
from asyncconfig.receipt import Receipt
from asyncconfig.services.topics.subscribers.base import Endpoint, Letter, Subscriber
from functions.models import Project

SHOWN = 300
MAX_KEY_CHARACTERS = 400
# The client's mistakes that pass by themselves.
PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class WebSubscriber(Subscriber):
    def __init__(self, protocol: str) -> None:
        self.protocol = protocol

    def read(self, endpoint: str, project: Project) -> Endpoint:
        """Read a URL whose host may be called (see `outgoing`)."""
        try:
            link = outgoing.check(endpoint)
        except outgoing.Refused as error:
            raise ValidationError(str(error)) from error
        if link.scheme != self.protocol:
            raise ValidationError(
                _("Write a URL that begins with %(protocol)s://.")
                % {"protocol": self.protocol}
            )
        return Endpoint(endpoint)

    def key(self, endpoint: str) -> str:
        """Return host and port; one that is refused by now fails no message."""
        try:
            return outgoing.read(endpoint).server
        except outgoing.Refused:
            return endpoint[:MAX_KEY_CHARACTERS]

    def send(self, endpoint: str, letter: Letter) -> Receipt:
        """POST the letter; anything but 2xx is a failure, a redirect too."""
        body = json.dumps(_body(letter), ensure_ascii=False).encode()
        answer = outgoing.post(endpoint, body, _headers(letter))
        said = answer.body.decode("utf-8", "replace").strip()[:SHOWN]
        text = f"HTTP {answer.status}. {said}".strip()
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return Receipt(text)
        is_permanent = (
            HTTPStatus.MULTIPLE_CHOICES
            <= answer.status
            < HTTPStatus.INTERNAL_SERVER_ERROR
        )
        raise DeliveryError(
            text, permanent=is_permanent and answer.status not in PASSING
        )


def _headers(letter: Letter) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "fgconsole-smn",
        "X-SMN-MESSAGE-TYPE": _type(letter),
        "X-SMN-MESSAGE-ID": letter.message_id,
        "X-SMN-TOPIC-URN": letter.topic_urn,
        "X-SMN-SUBSCRIPTION-URN": letter.subscription_urn,
    }


def _type(letter: Letter) -> str:
    return "SubscriptionConfirmation" if letter.is_invitation else "Notification"


def _body(letter: Letter) -> dict[str, Any]:
    """Return SMN's fields; without a signature, which only SMN's own key could make."""
    body: dict[str, Any] = {
        "type": _type(letter),
        "topic_urn": letter.topic_urn,
        "message_id": letter.message_id,
        "message": letter.text,
        "timestamp": f"{letter.sent_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    if letter.subject:
        body["subject"] = letter.subject
    if letter.attributes:
        body["message_attributes"] = dict(letter.attributes)
    body["subscribe_url" if letter.is_invitation else "unsubscribe_url"] = letter.link
    return body
