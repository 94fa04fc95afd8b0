"""One of everything that is stored, and requests and notifications in every state."""

import socket
from datetime import timedelta

from django.contrib.auth.models import User

from asyncconfig import clock, removing
from asyncconfig.invocations import accepting, cancelling, idempotency
from asyncconfig.models import Bucket, Delivery, Invocation, ObjectExpiry
from asyncconfig.worker import sweep
from console import access
from console.security import access_keys
from functions import aliases, publishing
from functions.models import TestEvent
from functions.qualifiers import resolve
from tests.support import factories as make
from tests.support.engine import Engine
from tests.support.restoring import HOOK, PASSWORD

LOOP = ("loop-a", "loop-b")


def populate():
    """Fill an empty installation; the host's name stays out of it."""
    socket.gethostname = lambda: "host"
    project = _people()
    engine = Engine()
    try:
        functions = _functions(project)
        _services(project, functions)
        _ended(engine, functions)
        _stopped(engine, project, functions)
        _owed(engine, functions)
        _open(engine, functions)
    finally:
        engine.close()


def _people():
    admin = User.objects.create_superuser("admin", password=PASSWORD)
    project = make.make_project("cn-east-3", members=[admin])
    other = make.make_project("cn-north-4")
    developer = make.make_user("developer", group=access.ADMINISTRATOR, project=project)
    other.members.add(developer)
    make.make_user("reader", group=access.READER, project=project)
    make.make_user("staff", project=project, is_staff=True)
    access_keys.create(developer, description="ci")
    access_keys.set_active(access_keys.create(admin), active=False)
    return project


def _functions(project):
    sources = {"works": make.ECHO, "breaks": make.RAISES}
    names = ("told", "errors", *sources, "publishes", "streams", "plain", *LOOP)
    made = {
        name: make.make_function(
            name, project=project, source=sources.get(name, make.HELLO)
        )
        for name in names
    }
    told, errors = made["told"], made["errors"]
    make.make_config(made["works"], on_success=told, on_failure=errors, max_retries=1)
    make.make_config(made["breaks"], on_success=told, on_failure=errors, max_retries=0)
    make.make_config(made["loop-a"], on_success=made["loop-b"])
    make.make_config(made["loop-b"], on_success=made["loop-a"])
    version = make.latest(made["works"])
    version.user_data = {"PLAIN": "shown"}
    version.encrypted_user_data = {"PASSWORD": "kept secret"}
    version.save()
    published = publishing.publish(
        made["works"], name="v1", description="first", now=clock.now()
    )
    aliases.create(made["works"], "live", version=published)
    TestEvent.objects.create(
        function=made["works"], name="event-1", content=b'{"aaa": "123"}'
    )
    return made


def _services(project, functions):
    topic = make.make_topic("news", project=project)
    make.subscribe(topic, "functionstage", functions["told"])
    make.subscribe(topic, "http", f"http://{HOOK}/hook", confirmed=False)
    make.make_config(functions["publishes"], on_success=topic)
    make.make_stream("results", project=project)
    make.configure_stream(functions["streams"], on="on_success")
    subnet = make.make_subnet(project=project)
    instance = make.make_rocket_instance(vpc=subnet.vpc)
    make.make_sender(instance, name="rockets")
    bucket = Bucket.objects.create(
        project=project, name="archive-bucket", created_at=clock.now()
    )
    ObjectExpiry.objects.create(
        bucket=bucket, key="async/a.json", expires_at=clock.now() + timedelta(days=3)
    )
    functions["topic"] = topic


def _ended(engine, functions):
    make.accept(functions["works"], b'{"n":1}')
    make.accept(functions["breaks"], b'{"n":2}')
    make.accept(functions["publishes"])
    make.publish(functions["topic"], "a message")
    engine.run()


def _stopped(engine, project, functions):
    """Add requests that were cancelled, too old, of a deleted function, in a loop."""
    cancelling.cancel(make.accept(functions["works"]), by="developer")
    aged = make.accept(functions["plain"])
    Invocation.objects.filter(pk=aged.pk).update(
        accepted_at=clock.now() - timedelta(seconds=9),
        deadline=clock.now() - timedelta(seconds=5),
    )
    gone = make.make_function("gone", project=project)
    make.accept(gone)
    removing.delete_function(gone)
    sweep.sweep()
    make.accept(functions["loop-a"])
    engine.run()


def _owed(engine, functions):
    """Add a notification that waits, and one that was given up."""
    for _turn in range(2):
        make.accept(functions["streams"])
        engine.settle([(claim, engine.invoke.run(claim)) for claim in engine.claim()])
    given_up = Delivery.objects.order_by("pk").last()
    Delivery.objects.filter(pk=given_up.pk).update(
        status="FAILED", reason="Given up.", finished_at=clock.now(), attempts=3
    )


def _open(engine, functions):
    """Add requests that a worker has begun, and others that wait."""
    idempotency.accept_once(
        resolve(functions["works"], "latest"),
        b'{"once":1}',
        key="order-1",
        asked="latest",
        origin=accepting.Origin(by="developer"),
    )
    make.accept(functions["plain"], b'{"running":true}')
    engine.claim()
    make.accept(functions["plain"], b'{"waiting":true}')
    make.accept(functions["works"], b'{"later":1}')
