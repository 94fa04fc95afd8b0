"""A RocketMQ 5 proxy for tests: the official gRPC protocol (v2) in this process.

A real broker is a Java program of two gigabytes of memory and cannot be had here. This
one is made of the stubs of the official client's wheel and is driven by that client on
both sides, so that what is tested is the protocol: routes, telemetry, signatures, send,
receive, acknowledge. It keeps messages in memory, in one queue per topic.
"""

# ruff: noqa: N802 - the protocol names its calls

import hashlib
import hmac
import itertools
import re
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc

from asyncconfig.clients import rocketmq_client

rocketmq_client.library()

from rocketmq.grpc_protocol import definition_pb2 as shapes  # noqa: E402 - see above
from rocketmq.grpc_protocol import service_pb2 as service  # noqa: E402
from rocketmq.grpc_protocol import service_pb2_grpc as stubs  # noqa: E402

Code = shapes.Code
CREDENTIAL = re.compile(r"MQv2-HMAC-SHA1 Credential=([^,]*), .*Signature=([0-9a-f]+)")
THREADS = 24  # an open telemetry stream holds one
MAX_BODY_BYTES = 4 * 1024 * 1024


def status(code=Code.OK, message=""):
    return shapes.Status(code=code, message=message or Code.Name(code))


class Broker(stubs.MessagingServiceServicer):
    """Topics, users and faults are plain attributes that a test may change.

    `refused` gives the code that a topic's messages are answered with; `delay` is
    the seconds before each answer.
    """

    def __init__(self, *, topics=("orders",), users=None):
        self.topics = set(topics)
        self.users = {"user": "secret"} if users is None else users
        self.refused = {}
        self.delay = 0.0
        self.port = 0
        self.route_host = "127.0.0.1"
        self.messages = []
        self._taken = {}
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._server = None

    def start(self):
        """Listen on the port of last time, or a free one."""
        self._server = grpc.server(ThreadPoolExecutor(THREADS))
        stubs.add_MessagingServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self):
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    # What every call goes through.

    def _problem(self, context):
        """Return the status of a caller whose signature is wrong; None when right."""
        time.sleep(self.delay)
        told = dict(context.invocation_metadata())
        found = CREDENTIAL.match(told.get("authorization", ""))
        user, signature = found.groups() if found else ("", "")
        secret = self.users.get(user)
        if secret is None:
            return status(Code.UNAUTHORIZED, f"no such user: {user}")
        wanted = hmac.new(
            secret.encode(), told["x-mq-date-time"].encode(), hashlib.sha1
        )
        if not hmac.compare_digest(wanted.hexdigest(), signature):
            return status(Code.UNAUTHORIZED, "the signature does not match")
        return None

    def _queue(self, topic):
        endpoints = shapes.Endpoints(
            scheme=shapes.AddressScheme.IPv4,
            addresses=[shapes.Address(host=self.route_host, port=self.port)],
        )
        return shapes.MessageQueue(
            topic=topic,
            id=0,
            permission=shapes.Permission.READ_WRITE,
            broker=shapes.Broker(name="broker-a", id=0, endpoints=endpoints),
            accept_message_types=[shapes.MessageType.NORMAL],
        )

    # The protocol.

    def QueryRoute(self, request, context):
        problem = self._problem(context)
        if problem is None and request.topic.name not in self.topics:
            problem = status(Code.TOPIC_NOT_FOUND)
        if problem is not None:
            return service.QueryRouteResponse(status=problem)
        queues = [self._queue(request.topic)]
        return service.QueryRouteResponse(status=status(), message_queues=queues)

    def QueryAssignment(self, request, context):
        problem = self._problem(context)
        if problem is not None:
            return service.QueryAssignmentResponse(status=problem)
        assigned = [service.Assignment(message_queue=self._queue(request.topic))]
        return service.QueryAssignmentResponse(status=status(), assignments=assigned)

    def Telemetry(self, requests, context):
        for command in requests:
            if command.HasField("settings"):
                answer = service.TelemetryCommand(status=status())
                answer.settings.CopyFrom(command.settings)
                if command.settings.HasField("publishing"):
                    answer.settings.publishing.max_body_size = MAX_BODY_BYTES
                    answer.settings.publishing.validate_message_type = True
                answer.settings.metric.on = False
                yield answer

    def Heartbeat(self, request, context):
        return service.HeartbeatResponse(status=self._problem(context) or status())

    def NotifyClientTermination(self, request, context):
        problem = self._problem(context)
        return service.NotifyClientTerminationResponse(status=problem or status())

    def SendMessage(self, request, context):
        problem = self._problem(context)
        topic = request.messages[0].topic.name
        if problem is None and topic in self.refused:
            problem = status(self.refused[topic])
        if problem is None and topic not in self.topics:
            problem = status(Code.TOPIC_NOT_FOUND)
        if problem is not None:
            return service.SendMessageResponse(status=problem)
        entries = [self._store(message) for message in request.messages]
        return service.SendMessageResponse(status=status(), entries=entries)

    def _store(self, sent):
        kept = shapes.Message()
        kept.CopyFrom(sent)
        kept.system_properties.body_digest.type = shapes.DigestType.CRC32
        kept.system_properties.body_digest.checksum = f"{zlib.crc32(kept.body):08X}"
        kept.system_properties.store_timestamp.GetCurrentTime()
        with self._changed:
            self.messages.append(kept)
            self._changed.notify_all()
        return service.SendResultEntry(
            status=status(),
            message_id=kept.system_properties.message_id,
            offset=len(self.messages) - 1,
        )

    def ReceiveMessage(self, request, context):
        problem = self._problem(context)
        if problem is not None:
            yield service.ReceiveMessageResponse(status=problem)
            return
        found = self._take(request)
        code = Code.OK if found else Code.MESSAGE_NOT_FOUND
        yield service.ReceiveMessageResponse(status=status(code))
        for message in found:
            yield service.ReceiveMessageResponse(message=message)

    def _take(self, request):
        """Wait for messages of a topic, and hide them from the group's others."""
        topic = request.message_queue.topic.name
        ends = time.monotonic() + request.long_polling_timeout.seconds
        tags = set(request.filter_expression.expression.split("||")) - {"", "*"}
        with self._changed:
            while True:
                found = [
                    message
                    for message in self.messages
                    if message.topic.name == topic
                    and id(message) not in self._taken.values()
                    and (not tags or message.system_properties.tag in tags)
                ][: request.batch_size]
                left = ends - time.monotonic()
                if found or left <= 0:
                    break
                self._changed.wait(left)
            for message in found:
                handle = f"handle-{next(self._numbers)}"
                self._taken[handle] = id(message)
                message.system_properties.receipt_handle = handle
                message.system_properties.delivery_attempt = 1
        return found

    def AckMessage(self, request, context):
        problem = self._problem(context)
        with self._changed:
            acked = {self._taken.get(entry.receipt_handle) for entry in request.entries}
            self.messages = [one for one in self.messages if id(one) not in acked]
        return service.AckMessageResponse(status=problem or status())

    def ChangeInvisibleDuration(self, request, context):
        problem = self._problem(context)
        return service.ChangeInvisibleDurationResponse(
            status=problem or status(), receipt_handle=request.receipt_handle
        )


def receive(broker, topic, *, tag="*", user="user", seconds=5):
    """Return the messages of a topic as the official client receives them."""
    package = rocketmq_client.library()
    configuration = package.ClientConfiguration(
        f"127.0.0.1:{broker.port}", package.Credentials(user, broker.users[user])
    )
    consumer = package.SimpleConsumer(
        configuration,
        "readers",
        {topic: package.FilterExpression(tag)},
        await_duration=seconds,
    )
    consumer.startup()
    try:
        messages = consumer.receive(32, 15)
        for message in messages:
            consumer.ack(message)
        return messages
    finally:
        consumer.shutdown()
