"""How subscribers are reached, by the protocol that the API names."""

from asyncconfig.subscribers.base import Subscriber
from asyncconfig.subscribers.function import FunctionSubscriber
from asyncconfig.subscribers.mail import MailSubscriber
from asyncconfig.subscribers.web import WebSubscriber

SUBSCRIBERS: dict[str, Subscriber] = {
    subscriber.protocol: subscriber
    for subscriber in (
        WebSubscriber("http"),
        WebSubscriber("https"),
        MailSubscriber(),
        FunctionSubscriber(),
    )
}
