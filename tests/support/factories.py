"""Rows with dull defaults; a test names only what it is about."""

import itertools
import json
import uuid

from django.contrib.auth.models import Group, User

from asyncconfig import clock
from asyncconfig.config import saving
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Parcel
from asyncconfig.invocations import accepting
from asyncconfig.models import InboundRule, MessageDelivery, RocketInstance
from asyncconfig.services.buckets.keeping import create as create_bucket
from asyncconfig.services.streams.keeping import create as create_stream
from asyncconfig.services.topics import keeping, subscribing
from asyncconfig.services.topics.subscribers import SUBSCRIBERS
from asyncconfig.wanted import Destined, Wanted
from functions import creating, networks, projects
from functions.code import text_package
from functions.models import Agency, Function, Project, Version
from functions.models.agency import (
    DEFAULT_AGENCY,
    PUBLISH,
    PUT_RECORDS,
    SEND_MESSAGE,
    Reach,
)
from functions.qualifiers import Resolved
from functions.runtime import available_runtimes

_numbers = itertools.count(1)

ECHO = "def handler(event, context):\n    return event\n"
HELLO = "def handler(event, context):\n    return 'hello world!'\n"
RAISES = "def handler(event, context):\n    raise ValueError('asked to fail')\n"


def make_user(name="", *, group="", project=None, **fields):
    name = name or f"user{next(_numbers)}"
    user = User.objects.create_user(name, password="pass", **fields)
    if group:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    if project:
        project.members.add(user)
    return user


def make_project(name="cn-east-3", *, members=()):
    return projects.create(name, members=members)


def make_function(name="", *, project=None, source=HELLO, agency=True, **fields):
    project = project or Project.objects.first() or make_project()
    found = Agency.objects.get(project=project, name=DEFAULT_AGENCY)
    new = creating.FunctionDraft(
        name=name or f"fn{next(_numbers)}",
        runtime=available_runtimes()[0],
        code=text_package(source, handler="index.handler"),
        agency=found if agency else None,
        **fields,
    )
    return creating.create(project, new)


def latest(function: Function) -> Version:
    return Version.objects.select_related("function__project").get(
        function=function, name="latest"
    )


def function_destination(function, qualifier="latest"):
    param = json.dumps({"func_urn": function.urn(qualifier)})
    destination = KINDS["FunctionGraph"]
    return Destined(destination.kind, param, destination.read(param, latest(function)))


def topic_destination(topic, version):
    param = json.dumps({"topic_urn": topic.urn})
    destination = KINDS["SMN"]
    return Destined("SMN", param, destination.read(param, version))


def _destined(function, target):
    if isinstance(target, Destined):
        return target
    if isinstance(target, Function):
        return function_destination(target)
    allow(function, PUBLISH)
    return topic_destination(target, latest(function))


def make_config(function, *, on_success=None, on_failure=None, **fields):
    """Configure latest; targets are functions, topics, or destined already."""
    sides = {
        name: _destined(function, target)
        for name, target in (("on_success", on_success), ("on_failure", on_failure))
        if target
    }
    return saving.save(latest(function), Wanted(**sides, **fields), by=None)


def make_stream(name="results", *, project=None, partitions=1, hours=24):
    project = project or Project.objects.first() or make_project()
    return create_stream(project, name, partitions=partitions, retention_hours=hours)


def configure_stream(function, name="results", *, on="on_failure", **fields):
    """Let latest send its records to a stream, and its agency allow that."""
    allow(function, PUT_RECORDS)
    version = latest(function)
    param = json.dumps({"stream_name": name})
    target = KINDS["DIS"].read(param, version)
    wanted = Wanted(**{on: Destined("DIS", param, target)}, **fields)
    return saving.save(version, wanted, by=None)


def allow(function, *actions):
    """Let the function's agency do these as well."""
    agency = latest(function).agency
    agency.actions = [*agency.actions, *actions]
    agency.save()


def lead(function, reach, *actions):
    """Let the function's agency lead elsewhere and do these too; return a version."""
    agency = latest(function).agency
    agency.reach = reach
    agency.save()
    allow(function, *actions)
    return latest(function)


def make_reach(function, endpoint, *, key="test-access-key", secret="test-secret-key"):
    """Let the function's agency lead to somebody's storage; return its version."""
    reach = Reach(
        access_key=key,
        secret_key=secret,
        region="cn-north-4",
        endpoints={"OBS": endpoint},
    )
    return lead(function, reach)


def make_parcel(version, param, **fields):
    """A record on its way to `param`, a dictionary."""
    told = {
        "parcel_id": uuid.uuid4(),
        "record": b"{}",
        "request_id": uuid.uuid4(),
        "accepted_at": version.modified_at,
    }
    return Parcel(param=json.dumps(param), version=version, **(told | fields))


def make_bucket(name="", *, project=None):
    """A bucket in the storage of the `obs` fixture."""
    project = project or Project.objects.first() or make_project()
    return create_bucket(project, name or f"bucket-{uuid.uuid4().hex[:12]}")


def obs_destination(function, bucket, *, prefix="async/", expires=0):
    names = {"bucket": bucket.name, "prefix": prefix, "expires": expires}
    param = json.dumps(names)
    destination = KINDS["OBS"]
    return Destined(destination.kind, param, destination.read(param, latest(function)))


def make_topic(name="", *, project=None):
    project = project or Project.objects.first() or make_project()
    return keeping.create(project, name or f"topic{next(_numbers)}")[0]


def subscribe(topic, protocol, endpoint, *, confirmed=True):
    """Subscribe an endpoint, or a function, and confirm that."""
    text = endpoint.urn() if isinstance(endpoint, Function) else endpoint
    read = SUBSCRIBERS[protocol].read(text, topic.project)
    made, _is_new = subscribing.subscribe(topic, protocol, read)
    if confirmed and not made.is_confirmed:
        MessageDelivery.objects.filter(subscription=made).delete()
        subscribing.confirm(made)
    return made


def publish(topic, text="hello", **fields):
    return keeping.publish(topic, keeping.Publication(text, **fields))


def accept(function, payload=b"{}", **fields):
    fields.setdefault("origin", accepting.Origin(by="test"))
    return accepting.accept(Resolved(latest(function)), payload, **fields)


def make_subnet(name="part", *, vpc="net", project=None, cidr="10.0.1.0/24"):
    """Make a subnet in a VPC of its own, 10.0.0.0/16."""
    project = project or Project.objects.first() or make_project()
    made = networks.create_vpc(project, name=vpc, cidr="10.0.0.0/16")
    return networks.create_subnet(made, name=name, cidr=cidr)


def make_rocket_instance(name="mq", *, vpc, rule=True, **fields):
    """Make an instance; its security group lets everything in on its port."""
    fields = {"host": "127.0.0.1", "port": 8081, "topics": ["orders"]} | fields
    instance = RocketInstance.objects.create(
        name=name, project=vpc.project, vpc=vpc, created_at=clock.now(), **fields
    )
    if rule:
        InboundRule.objects.create(
            instance=instance, first_port=instance.port, last_port=instance.port
        )
    return instance


def make_sender(instance, *, subnet=None, **fields):
    """Make a function in the instance's network that may send there."""
    function = make_function(project=instance.project, **fields)
    networks.connect(latest(function), subnet or instance.vpc.subnets.first())
    agency = latest(function).agency
    agency.actions = [*agency.actions, SEND_MESSAGE]
    agency.save()
    return function


def rocket_param(instance, topic="orders", tag="failed"):
    told = {"instance_id": str(instance.instance_id), "topic": topic, "tag": tag}
    return json.dumps(told)


def make_rocket_config(function, instance, *, topic="orders", tag="failed", **fields):
    """Configure latest to tell a topic of its failures."""
    param = rocket_param(instance, topic, tag)
    told = saving.destine(latest(function), "failure", "RocketMQ", param)
    return saving.save(latest(function), Wanted(on_failure=told, **fields), by=None)
