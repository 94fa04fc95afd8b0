from asyncconfig.models.attempt import Attempt
from asyncconfig.models.config import AsyncConfig
from asyncconfig.models.delivery import Delivery, DeliveryAttempt
from asyncconfig.models.idempotency import IdempotencyKey
from asyncconfig.models.invocation import Invocation
from asyncconfig.models.worker import Worker

__all__ = [
    "AsyncConfig",
    "Attempt",
    "Delivery",
    "DeliveryAttempt",
    "IdempotencyKey",
    "Invocation",
    "Worker",
]
