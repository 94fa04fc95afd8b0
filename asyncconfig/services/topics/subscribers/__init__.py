"""How subscribers are reached, by the protocol that the API names."""

from asyncconfig.services.topics.subscribers.base import Subscriber
from asyncconfig.services.topics.subscribers.function import FunctionSubscriber
from asyncconfig.services.topics.subscribers.mail import MailSubscriber
from asyncconfig.services.topics.subscribers.web import WebSubscriber

SUBSCRIBERS: dict[str, Subscriber] = {
    subscriber.protocol: subscriber
    for subscriber in (
        WebSubscriber("http"),
        WebSubscriber("https"),
        MailSubscriber(),
        FunctionSubscriber(),
    )
}
