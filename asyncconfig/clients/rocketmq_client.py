"""The official RocketMQ client: a producer per broker, kept while it is used.

A producer has an I/O loop (one for the whole process) and four threads of its own,
asks for routes and holds a stream open, so none is made per message. It goes when
nothing was sent for a while, after an error, and when the process ends.
"""

import atexit
import logging
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from asyncconfig.clients.rocketmq_channels import pin, resolve
from asyncconfig.exceptions import DeliveryError
from functions.addresses import AddressRefused, AddressUnknown

logger = logging.getLogger(__name__)

# Of each call; the client tries a send three times.
TIMEOUT_SECONDS = 3
IDLE_SECONDS = 300.0


@dataclass(frozen=True)
class Broker:
    """How an instance is reached; brokers that differ have producers of their own."""

    name: str
    host: str
    port: int
    uses_tls: bool = True
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class BrokerMessage:
    """One message; an empty tag is none."""

    topic: str
    body: bytes
    keys: tuple[str, ...]
    tag: str = ""


@dataclass(eq=False)
class _Held:
    producer: Any
    users: int = 0
    used_at: float = 0.0
    is_retired: bool = False


def library() -> Any:
    """Return the client's package; raises DeliveryError where it is not installed."""
    _keep_log_here()
    try:
        import rocketmq  # noqa: PLC0415 - an extra, and gRPC is loaded with it
    except ImportError as error:
        raise DeliveryError(
            _(
                "The RocketMQ client is not installed. Install the extra “rocketmq” "
                "where the workers run."
            ),
            permanent=False,
        ) from error
    pin()
    return rocketmq


def _keep_log_here() -> None:
    """Give the client a logger of ours: its own module writes below ~/logs."""
    if "rocketmq.v5.log" not in sys.modules:
        module = ModuleType("rocketmq.v5.log")
        module.logger = logging.getLogger("rocketmq")  # type: ignore[attr-defined]
        module.logger.setLevel(logging.CRITICAL)  # errors are told by the delivery
        sys.modules["rocketmq.v5.log"] = module


@cache
def _guarded_producer() -> Any:
    """Return a producer class that follows no route to a refused address."""

    class Guarded(library().Producer):  # type: ignore[misc]
        def on_new_endpoints(self, endpoints: Any) -> None:
            for address in endpoints.endpoints.addresses:
                resolve(address.host, address.port)
            super().on_new_endpoints(endpoints)

    return Guarded


class Producers:
    """The producers of this process, each lent to any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Broker, _Held] = {}

    @contextmanager
    def lend(self, broker: Broker) -> Iterator[Any]:
        """Lend a started producer; an exception inside retires it."""
        held = self._take(broker)
        try:
            yield held.producer
        except BaseException:
            self._retire(broker, held)
            raise
        finally:
            self._give_back(held)

    def _take(self, broker: Broker) -> _Held:
        self.close_idle()
        with self._lock:
            held = self._held.get(broker)
            if held is not None:
                held.users += 1
                return held
        # Without the lock: a name that resolves slowly must not stop the others.
        made = _Held(_started(broker))
        with self._lock:
            held = self._held.setdefault(broker, made)
            held.users += 1
        if held is not made:
            _close(made)
        return held

    def _retire(self, broker: Broker, held: _Held) -> None:
        with self._lock:
            held.is_retired = True
            if self._held.get(broker) is held:
                del self._held[broker]

    def _give_back(self, held: _Held) -> None:
        with self._lock:
            held.users -= 1
            held.used_at = time.monotonic()
            is_done = held.is_retired and held.users == 0
        if is_done:
            _close(held)

    def close_idle(self, *, after: float = IDLE_SECONDS) -> None:
        """Close what nobody uses now and nobody used for so many seconds."""
        before = time.monotonic() - after
        with self._lock:
            idle = [
                broker
                for broker, held in self._held.items()
                if held.users == 0 and held.used_at <= before
            ]
            closing = [self._held.pop(broker) for broker in idle]
        for held in closing:
            _close(held)


def _close(held: _Held) -> None:
    try:
        held.producer.shutdown()
    except Exception:
        logger.exception("A RocketMQ producer did not close.")


def _started(broker: Broker) -> Any:
    package = library()
    resolve(broker.host, broker.port)
    configuration = package.ClientConfiguration(
        f"{broker.host}:{broker.port}",
        package.Credentials(broker.access_key, broker.secret_key),
        request_timeout=TIMEOUT_SECONDS,
    )
    producer = _guarded_producer()(configuration, tls_enable=broker.uses_tls)
    producer.startup()
    return producer


producers = Producers()
atexit.register(producers.close_idle, after=0)


def send(broker: Broker, letter: BrokerMessage) -> str:
    """Send a message and return the ID that the broker stored it under.

    Raises DeliveryError, permanent where trying again cannot help.
    """
    library()
    try:
        with producers.lend(broker) as producer:
            if letter.topic not in producer.topics:
                _look_for(letter.topic, producer)
            return str(producer.send(_message(letter)).message_id)
    except AddressRefused as error:
        raise DeliveryError(str(error), permanent=True) from error
    except AddressUnknown as error:
        raise DeliveryError(str(error), permanent=False) from error
    except (Exception, CancelledError) as error:
        raise translate(error, broker, letter.topic) from error


def _look_for(topic: str, producer: Any) -> None:
    """Ask for a topic's route: sending alone would not say why there is none."""
    from rocketmq.grpc_protocol import QueryRouteRequest  # noqa: PLC0415 - an extra
    from rocketmq.v5.util import MessagingResultChecker  # noqa: PLC0415 - an extra

    endpoints = producer.client_configuration.rpc_endpoints
    request = QueryRouteRequest(endpoints=endpoints.endpoints)
    request.topic.name = topic
    asked = producer.rpc_client.query_topic_route_async(
        endpoints, request, metadata=producer.sign(), timeout=TIMEOUT_SECONDS
    )
    answer = asked.result(TIMEOUT_SECONDS + 1)
    MessagingResultChecker.check(answer.status)
    for queue in answer.message_queues:
        for address in queue.broker.endpoints.addresses:
            resolve(address.host, address.port)


def _message(letter: BrokerMessage) -> Any:
    message = library().Message()
    message.topic = letter.topic
    message.body = letter.body
    for key in letter.keys:
        message.keys = key  # each is added to those before
    if letter.tag:
        message.tag = letter.tag
    return message


def translate(error: BaseException, broker: Broker, topic: str) -> DeliveryError:
    """Return what the client or gRPC raised as a sentence of ours."""
    params = {
        "name": broker.name,
        "address": f"{broker.host}:{broker.port}",
        "topic": topic,
        "user": broker.access_key or "–",
        "seconds": TIMEOUT_SECONDS,
        "said": _said(error),
    }
    sentence, is_permanent = _sentence(_kind(error))
    return DeliveryError(sentence % params, permanent=is_permanent)


def _kind(error: BaseException) -> str:
    """Name an error by its class, or by its gRPC code where it has one."""
    code = getattr(error, "code", None)
    if callable(code):
        return str(code().name)
    return type(error).__name__


def _said(error: BaseException) -> str:
    details = getattr(error, "details", None)
    return str(details() if callable(details) else error) or type(error).__name__


# Kinds of errors, the sentence for them, and whether trying again cannot help.
SENTENCES = (
    (
        ("UNAVAILABLE",),
        gettext_lazy(
            "RocketMQ instance %(name)s cannot be reached at %(address)s. "
            "Check the address and TLS, and that its proxy runs. (%(said)s)"
        ),
        False,
    ),
    (
        ("DEADLINE_EXCEEDED", "TimeoutError", "ProxyTimeoutException"),
        gettext_lazy(
            "RocketMQ instance %(name)s did not answer within %(seconds)d s "
            "at %(address)s."
        ),
        False,
    ),
    (
        ("UNAUTHENTICATED", "UnauthorizedException"),
        gettext_lazy(
            "RocketMQ instance %(name)s refused user %(user)s or its secret. "
            "Correct them on the instance's page, then resend."
        ),
        True,
    ),
    (
        ("PERMISSION_DENIED", "ForbiddenException"),
        gettext_lazy(
            "User %(user)s may not send to topic %(topic)s of instance %(name)s. "
            "Grant it, then resend."
        ),
        True,
    ),
    (
        ("NotFoundException",),
        gettext_lazy(
            "RocketMQ instance %(name)s has no topic %(topic)s. Create it there, "
            "then resend."
        ),
        True,
    ),
    (
        ("PayloadTooLargeException",),
        gettext_lazy(
            "The record is too large for RocketMQ instance %(name)s: %(said)s"
        ),
        True,
    ),
    (
        ("BadRequestException", "IllegalArgumentException", "UNIMPLEMENTED"),
        gettext_lazy("RocketMQ instance %(name)s refused the message: %(said)s"),
        True,
    ),
)


def _sentence(kind: str) -> tuple[str, bool]:
    """Return the sentence for a kind of error, and whether it is permanent."""
    for kinds, sentence, is_permanent in SENTENCES:
        if kind in kinds:
            return str(sentence), is_permanent
    return _("RocketMQ instance %(name)s could not take the message: %(said)s"), False
