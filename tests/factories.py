"""Rows with dull defaults; a test names only what it is about."""

import itertools
import json
import uuid

from django.contrib.auth.models import Group, User

from asyncconfig import accepting, buckets, configuring
from asyncconfig.destinations import KINDS
from asyncconfig.streams import keeping
from functions import creating, projects
from functions.code import text_package
from functions.models import Agency, Function, Project, Version
from functions.models.agency import DEFAULT_AGENCY, PUT_RECORDS, Reach
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
    new = creating.NewFunction(
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
    return configuring.Destined(
        destination.kind, param, destination.read(param, latest(function))
    )


def make_config(function, *, on_success=None, on_failure=None, **fields):
    """Configure latest; targets are functions, or destined already."""
    sides = {
        name: function_destination(target) if isinstance(target, Function) else target
        for name, target in (("on_success", on_success), ("on_failure", on_failure))
        if target
    }
    return configuring.save(
        latest(function), configuring.Wanted(**sides, **fields), by=None
    )


def make_stream(name="results", *, project=None, partitions=1, hours=24):
    project = project or Project.objects.first() or make_project()
    return keeping.create(project, name, partitions=partitions, retention_hours=hours)


def configure_stream(function, name="results", *, on="on_failure", **fields):
    """Let latest send its records to a stream, and its agency allow that."""
    allow(function, PUT_RECORDS)
    version = latest(function)
    param = json.dumps({"stream_name": name})
    target = KINDS["DIS"].read(param, version)
    wanted = configuring.Wanted(
        **{on: configuring.Destined("DIS", param, target)}, **fields
    )
    return configuring.save(version, wanted, by=None)


def allow(function, *actions):
    """Let the function's agency do these as well."""
    agency = latest(function).agency
    agency.actions = [*agency.actions, *actions]
    agency.save()


def make_reach(function, endpoint, *, key="test-access-key", secret="test-secret-key"):
    """Let the function's agency lead to somebody's storage; return its version."""
    agency = latest(function).agency
    agency.reach = Reach(
        access_key=key,
        secret_key=secret,
        region="cn-north-4",
        endpoints={"OBS": endpoint},
    )
    agency.save()
    return latest(function)


def make_bucket(name="", *, project=None):
    """A bucket in the storage of the `obs` fixture."""
    project = project or Project.objects.first() or make_project()
    return buckets.create(project, name or f"bucket-{uuid.uuid4().hex[:12]}")


def obs_destination(function, bucket, *, prefix="async/", expires=0):
    names = {"bucket": bucket.name, "prefix": prefix, "expires": expires}
    param = json.dumps(names)
    destination = KINDS["OBS"]
    return configuring.Destined(
        destination.kind, param, destination.read(param, latest(function))
    )


def accept(function, payload=b"{}", **fields):
    fields.setdefault("origin", accepting.Origin(by="test"))
    return accepting.accept(Resolved(latest(function)), payload, **fields)
