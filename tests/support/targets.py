"""A kind of target that does what a test says, for what all kinds share."""

import json

from django.db import connection

from asyncconfig.config import saving
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.base import Destination, ParamForm
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Delivery, Invocation
from asyncconfig.models.outbox import target_key_of
from asyncconfig.receipt import Receipt
from asyncconfig.wanted import Destined, Target, Wanted
from tests.support.factories import latest


class Scripted(Destination):
    """Takes what it is sent, unless `trouble` is set; `taken` lists what arrived."""

    kind = "Scripted"
    label = "Scripted"
    action = "functiongraph:function:invokeAsync"

    def __init__(self):
        self.trouble = None
        self.taken = []
        self.tried_at = []

    def form(self, version, **kwargs):
        return ParamForm(**kwargs)

    def initial(self, param, version):
        return {}

    def read(self, param, version):
        name = json.loads(param)["name"]
        return Target(name, name)

    def send(self, parcel):
        if self.trouble:
            raise self.trouble
        self.taken.append((str(parcel.parcel_id), parcel.record))
        return Receipt("Taken.", f"thing-{len(self.taken)}")


class WrittenHere(Scripted):
    """The same as a write to our own database; `wait` stands for a slow machine."""

    kind = "Written"
    label = "Written"
    wait = staticmethod(lambda: None)

    def is_written_here(self, version):
        return True

    def send(self, parcel):
        self.wait()
        self.tried_at.append(json.loads(parcel.param)["name"])
        return super().send(parcel)


def scripted(monkeypatch, kind=Scripted):
    """Register the kind for one test."""
    made = kind()
    monkeypatch.setitem(KINDS, made.kind, made)
    return made


def away():
    return DeliveryError("The target does not answer.", permanent=False)


def forbidden():
    return DeliveryError("The target refuses this key.", permanent=True)


def aim(function, kind, name="there", **fields):
    """Tell a target of the kind about both outcomes."""
    param = json.dumps({"name": name})
    told = Destined(kind.kind, param, kind.read(param, latest(function)))
    wanted = Wanted(on_success=told, on_failure=told, **fields)
    return saving.save(latest(function), wanted, by=None)


def owe(function, kind, *, name, count, now):
    """Write finished requests that owe notifications, many at once."""
    version = latest(function)
    ended = {
        "mode": Invocation.Mode.ASYNC,
        "function": function,
        "version": version,
        "payload": b"{}",
        "status": Invocation.Status.SUCCESS,
        "accepted_at": now,
        "due_at": now,
        "deadline": now,
        "finished_at": now,
    }
    invocations = Invocation.objects.bulk_create(
        [Invocation(**ended) for _one in range(count)], batch_size=500
    )
    owed = {
        "function": function,
        "side": Side.SUCCESS,
        "kind": kind.kind,
        "param": json.dumps({"name": name}),
        "target": name,
        "target_key": target_key_of(function.project_id, kind.kind, name),
        "record": b"{}",
        "created_at": now,
        "due_at": now,
        "deadline": now.replace(year=now.year + 1),
    }
    made = Delivery.objects.bulk_create(
        [Delivery(invocation=one, **owed) for one in invocations], batch_size=500
    )
    if connection.vendor == "postgresql":
        # Autovacuum does it elsewhere; it does not see an open transaction's rows.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return made
