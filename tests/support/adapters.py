"""The real targets of each kind behind one face, for what all kinds have in common."""

import json
from dataclasses import dataclass

from django.urls import reverse

from asyncconfig import removing
from asyncconfig.clients import rocketmq_client
from asyncconfig.config import saving
from asyncconfig.destinations import KINDS
from asyncconfig.invocations import accepting
from asyncconfig.models import Delivery, Invocation, MessageDelivery, Stream, Topic
from asyncconfig.services.streams import records
from functions import networks
from functions.models.agency import Reach
from tests.support.factories import (
    HELLO,
    RAISES,
    allow,
    latest,
    make_bucket,
    make_config,
    make_function,
    make_rocket_instance,
    make_stream,
    make_subnet,
    make_topic,
    rocket_param,
    subscribe,
)
from tests.support.installation import free_port
from tests.support.rocketmq_broker import Broker
from tests.support.subscribers import Web, serving
from tests.support.valkey import Valkey


@dataclass(frozen=True)
class Arrived:
    """What the target has: the record, and the IDs by which it can drop doubles."""

    record: bytes
    keys: frozenset[str]


def arrived(record, *keys):
    return Arrived(bytes(record), frozenset(keys))


class Adapter:
    """One real target; `twice` says how often a record is there that was sent twice."""

    kind = ""
    twice = 1
    page = None  # the target's own page, where it has one

    def __init__(self, request):
        self.request = request
        self.settings = request.getfixturevalue("settings")
        self.settings.OUTGOING_ALLOWED = ["127.0.0.1"]
        self.open()

    @property
    def destination(self):
        return KINDS[self.kind]

    def sender(self, side="failure", source=""):
        """Make a function that ends on this side and tells this target of it."""
        usual = RAISES if side == "failure" else HELLO
        function = make_function(source=source or usual)
        allow(function, self.destination.action)
        self.connect(function)
        told = saving.destine(latest(function), side, self.kind, self.param)
        make_config(function, max_retries=0, **{f"on_{side}": told})
        return function

    def connect(self, function):
        """Let the function reach the target where more than a right is needed."""

    def key(self, delivery):
        """Return the ID that this kind is told."""
        return str(delivery.delivery_id)

    def owed(self):
        """Return what waits while the target is away."""
        return Delivery.objects.get()

    def close(self):
        """End what was started."""


class FunctionAdapter(Adapter):
    """Is away while the installation takes no more requests."""

    kind = "FunctionGraph"

    def open(self):
        self.most = self.settings.MAX_WAITING
        self.function = make_function("target")
        self.param = json.dumps({"func_urn": self.function.urn("latest")})

    def arrived(self):
        runs = Invocation.objects.filter(function__name="target")
        return [
            arrived(run.payload, str(run.source_delivery.delivery_id))
            for run in runs.select_related("source_delivery")
        ]

    def leave(self):
        self.settings.MAX_WAITING = 0

    def come_back(self):
        self.settings.MAX_WAITING = self.most
        accepting.recent.forget()

    def spoil(self):
        removing.delete_function(self.function)

    def repair(self):
        make_function("target")


class ObsAdapter(Adapter):
    kind = "OBS"

    def open(self):
        self.storage = self.request.getfixturevalue("obs")
        self.bucket = make_bucket()
        names = {"bucket": self.bucket.name, "prefix": "async/", "expires": 0}
        self.param = json.dumps(names)
        self.page = reverse("bucket", args=[self.bucket.name])

    def arrived(self):
        found = self.storage.objects(self.bucket.name).values()
        return [arrived(body, notes["delivery-id"]) for body, notes in found]

    def leave(self):
        self.settings.OBS_ENDPOINT = f"http://127.0.0.1:{free_port()}"

    def come_back(self):
        self.settings.OBS_ENDPOINT = self.storage.endpoint

    def spoil(self):
        self.storage.client.delete_bucket(Bucket=self.bucket.name)

    def repair(self):
        self.storage.client.create_bucket(Bucket=self.bucket.name)


class DisAdapter(Adapter):
    """A record has no attributes: its key, the request's ID, tells doubles."""

    kind = "DIS"
    twice = 2

    def open(self):
        folder = self.request.getfixturevalue("tmp_path_factory").mktemp("v")
        self.valkey = Valkey(folder, keep=True)
        self.settings.REDIS_URL = self.valkey.url
        self.valkey.start()
        make_stream("results", partitions=2)
        self.param = json.dumps({"stream_name": "results"})
        self.page = reverse("stream", args=["results"])

    def arrived(self):
        stream = Stream.objects.select_related("project").get()
        kept = [
            one
            for partition in range(stream.partitions)
            for one in records.read(stream, partition, start=0, most_bytes=10**7)
        ]
        return [arrived(one.data, one.key) for one in kept]

    def key(self, delivery):
        return str(delivery.invocation.request_id)

    def leave(self):
        self.valkey.kill()

    def come_back(self):
        self.valkey.start()

    def spoil(self):
        Stream.objects.all().delete()

    def repair(self):
        make_stream("results", partitions=2)

    def close(self):
        self.valkey.kill()


class TopicAdapter(Adapter):
    """A topic of ours is never away; its subscriber may be, and is told later."""

    kind = "SMN"

    def open(self):
        self.web = Web()
        self._serving = serving(self.web)
        self._serving.__enter__()
        self.repair()
        self.param = json.dumps({"topic_urn": Topic.objects.get().urn})
        self.page = reverse("topic", args=["results"])

    def arrived(self):
        return [
            arrived(
                letter["message"].encode(),
                letter["message_attributes"]["delivery_id"],
            )
            for letter in self.web.letters()
            if self.web.status == 200
        ]

    def key(self, delivery):
        return delivery.delivery_id.hex

    def owed(self):
        return MessageDelivery.objects.get()

    def leave(self):
        self.web.status = 503

    def come_back(self):
        self.web.received.clear()
        self.web.status = 200

    def spoil(self):
        Topic.objects.all().delete()

    def repair(self):
        subscribe(make_topic("results"), "http", self.web.url)

    def close(self):
        self._serving.__exit__(None, None, None)


class CloudTopicAdapter(Adapter):
    """SMN elsewhere: what answers here speaks as the cloud's would, no more."""

    kind = "SMN"
    twice = 2
    urn = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:results"

    def open(self):
        self.param = json.dumps({"topic_urn": self.urn})
        self.web = Web(
            body=b'{"request_id": "r", "message_id": "m"}',
            headers=[("Content-Type", "application/json")],
        )
        self._serving = serving(self.web)
        self._serving.__enter__()

    def connect(self, function):
        place = f"127.0.0.1:{self.web.server_port}"
        self.settings.AGENCY_HTTP_HOSTS = [place]
        agency = latest(function).agency
        agency.reach = Reach(
            access_key="key",
            secret_key="secret",
            endpoints={"SMN": f"http://{place}"},
        )
        agency.save()

    def arrived(self):
        if self.web.status != 200:
            return []
        return [
            arrived(body["message"].encode(), body["message_attributes"][0]["value"])
            for _headers, body in self.web.received
        ]

    def key(self, delivery):
        return delivery.delivery_id.hex

    def leave(self):
        self.web.status = 503

    def spoil(self):
        self.web.status = 404

    def repair(self):
        self.web.received.clear()
        self.web.status = 200

    come_back = repair

    def close(self):
        self._serving.__exit__(None, None, None)


class RocketAdapter(Adapter):
    kind = "RocketMQ"
    twice = 2

    def open(self):
        self.broker = Broker()
        self.broker.start()
        self.subnet = make_subnet()
        self.instance = make_rocket_instance(
            vpc=self.subnet.vpc,
            port=self.broker.port,
            uses_tls=False,
            access_key="user",
            secret_key="secret",
        )
        self.param = rocket_param(self.instance)
        self.page = reverse("rocketmq-instance", args=[self.instance.instance_id])

    def connect(self, function):
        networks.connect(latest(function), self.subnet)

    def arrived(self):
        return [
            arrived(one.body, *one.system_properties.keys)
            for one in self.broker.messages
        ]

    def leave(self):
        self.broker.stop()

    def come_back(self):
        self.broker.start()

    def spoil(self):
        self.broker.topics.clear()

    def repair(self):
        self.broker.topics.add("orders")

    def close(self):
        rocketmq_client.producers.close_idle(after=0)
        self.broker.stop()


ADAPTERS = {
    "FunctionGraph": FunctionAdapter,
    "OBS": ObsAdapter,
    "DIS": DisAdapter,
    "SMN": TopicAdapter,
    "SMN of the cloud": CloudTopicAdapter,
    "RocketMQ": RocketAdapter,
}
