"""What a kind of subscriber is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncconfig.models import MessageDelivery
from asyncconfig.receipt import Receipt
from functions.models import Function, Project


@dataclass(frozen=True)
class Endpoint:
    """Where a subscriber is, as it is stored; `function` when it is one."""

    text: str
    function: Function | None = None


@dataclass(frozen=True)
class Letter:
    """What a subscriber is sent: a message, or the request to confirm.

    `link` confirms the subscription or ends it. `message_id` is stable over tries,
    so that a subscriber can drop doubles.
    """

    message_id: str
    topic_urn: str
    subscription_urn: str
    sender: str
    subject: str
    text: str
    attributes: Mapping[str, Any]
    sent_at: datetime
    link: str
    is_invitation: bool
    message_delivery: MessageDelivery


class Subscriber(ABC):
    """One protocol. Nobody outside its module asks which protocol it is."""

    protocol: str

    @abstractmethod
    def read(self, endpoint: str, project: Project) -> Endpoint:
        """Read an endpoint as it was typed; raises ValidationError with sentences."""

    @abstractmethod
    def key(self, endpoint: str) -> str:
        """Return what stands behind an endpoint: what slot limits go by."""

    def is_written_here(self) -> bool:
        """Say whether sending is a write to our own database (see Destination)."""
        return False

    @abstractmethod
    def send(self, endpoint: str, letter: Letter) -> Receipt:
        """Send; raises DeliveryError, with time-outs set on all calls."""
