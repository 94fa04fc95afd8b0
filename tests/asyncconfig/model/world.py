"""The functions that the model's requests go to, and the rows that come of them."""

import json
import uuid
from datetime import UTC, datetime, timedelta

from django.db import transaction

from asyncconfig import clock
from asyncconfig.models import (
    Attempt,
    Delivery,
    DeliveryAttempt,
    IdempotencyKey,
    Invocation,
    Message,
    MessageDelivery,
    MessageDeliveryAttempt,
    Worker,
)
from functions.models import Function
from tests.asyncconfig.model.oracle import Rules
from tests.support.factories import (
    latest,
    make_config,
    make_function,
    make_topic,
    subscribe,
)
from tests.support.targets import aim

MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)
ROWS = (
    IdempotencyKey,
    Attempt,
    DeliveryAttempt,
    MessageDeliveryAttempt,
    MessageDelivery,
    Message,
    Delivery,
    Invocation,
    Worker,
)
MOST_HOPS = 4
FUNCTION, TOPIC, SCRIPTED = "FunctionGraph", "SMN", "Scripted"


class World:
    """One installation's functions; `forget` takes all requests away."""

    def __init__(self, scripted):
        self.scripted = scripted
        self.rules = {
            "plain": Rules(),
            "retried": Rules(2, 2, 3600, SCRIPTED, SCRIPTED),
            "short": Rules(3, 3, 15, FUNCTION, FUNCTION),
            "loop": Rules(0, 0, 3600, FUNCTION, ""),
            "topic": Rules(1, 1, 3600, TOPIC, TOPIC),
            "told": Rules(),
            "single": Rules(1, 1, 60),
        }
        self.functions = {name: make_function(name) for name in self.rules}
        self._configure()
        Function.objects.filter(name="single").update(max_instances=1)
        self.resolved = {
            name: latest(function) for name, function in self.functions.items()
        }
        self.names = {one.pk: name for name, one in self.functions.items()}

    def _configure(self):
        told, loop = self.functions["told"], self.functions["loop"]
        aim(self.functions["retried"], self.scripted, max_retries=2)
        fields = {"max_retries": 3, "max_age_seconds": 15}
        make_config(self.functions["short"], on_success=told, on_failure=told, **fields)
        # Saved as the API does it, as the cloud does; what bounds it is the run.
        make_config(loop, on_success=loop, max_retries=0)
        topic = make_topic()
        subscribe(topic, "functionstage", told)
        make_config(
            self.functions["topic"], on_success=topic, on_failure=topic, max_retries=1
        )
        make_config(self.functions["single"], max_retries=1, max_age_seconds=60)

    def forget(self):
        """Delete every request and what came of it, and every worker."""
        with transaction.atomic():
            told_by = {"source_delivery": None, "source_message_delivery": None}
            Invocation.objects.update(**told_by)
            for model in ROWS:
                # At once, and not row by row with what hangs on each.
                model.objects.all()._raw_delete("default")
        self.scripted.taken.clear()
        self.scripted.trouble = None


def stand_still(monkeypatch):
    """Let time pass only where the model says so, on both databases."""
    monkeypatch.setattr(clock, "now", lambda: MIDNIGHT + clock._offset)
    monkeypatch.setattr(clock, "monotonic", lambda: clock._passed)


def seconds(moment):
    return (moment - MIDNIGHT) / timedelta(seconds=1)


def payload():
    return json.dumps({"id": uuid.uuid4().hex}).encode()
