from asyncconfig.models.attempt import Attempt
from asyncconfig.models.bucket import Bucket, ObjectExpiry
from asyncconfig.models.config import AsyncConfig
from asyncconfig.models.delivery import Delivery, DeliveryAttempt
from asyncconfig.models.idempotency import IdempotencyKey
from asyncconfig.models.invocation import Invocation
from asyncconfig.models.message import Message, MessageDelivery, MessageDeliveryAttempt
from asyncconfig.models.rocketmq import InboundRule, RocketInstance
from asyncconfig.models.stream import Stream
from asyncconfig.models.topic import Subscription, Topic
from asyncconfig.models.worker import Worker

__all__ = [
    "AsyncConfig",
    "Attempt",
    "Bucket",
    "Delivery",
    "DeliveryAttempt",
    "IdempotencyKey",
    "InboundRule",
    "Invocation",
    "Message",
    "MessageDelivery",
    "MessageDeliveryAttempt",
    "ObjectExpiry",
    "RocketInstance",
    "Stream",
    "Subscription",
    "Topic",
    "Worker",
]
