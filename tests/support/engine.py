"""Drive a worker's lanes step by step, on a clock that tests move."""

import json
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from asyncconfig import clock
from asyncconfig.lanes.delivering import DeliverLane
from asyncconfig.lanes.invoking import InvokeLane
from asyncconfig.lanes.messaging import NotifyLane
from asyncconfig.models import Delivery, Invocation, MessageDelivery
from asyncconfig.worker import leases, sweep


class Engine:
    """All lanes of one installation, without threads."""

    def __init__(self):
        self.invoke = InvokeLane()
        self.deliver = DeliverLane()
        self.notify = NotifyLane()
        self._workers = {}

    def worker(self, lane):
        """Return the lane's worker, with a lease that holds now."""
        worker = self._workers.get(lane.name)
        if worker is None:
            worker = self._workers[lane.name] = leases.register(
                lane.name, slots=8, **lane.traits()
            )
        worker.lease_until = clock.now() + timedelta(
            seconds=settings.WORKER_LEASE_SECONDS
        )
        worker.save()
        return worker

    def claim(self, lane=None, *, free=8, ahead=None):
        """Claim as a dispatcher would; what needs no slot only where it is sent."""
        lane = lane or self.invoke
        if ahead is None:
            ahead = 0 if lane is self.invoke else lane.ahead(free)
        with transaction.atomic():
            return lane.claim(self.worker(lane), free=free, ahead=ahead)

    def settle(self, done, lane=None):
        lane = lane or self.invoke
        while done:
            with transaction.atomic():
                done = lane.settle(self.worker(lane), done)

    def step(self):
        """Run everything that is due now, once; return how many that was."""
        count = 0
        for lane in (self.invoke, self.deliver, self.notify):
            claims = self.claim(lane)
            self.settle([(claim, lane.run(claim)) for claim in claims], lane)
            count += len(claims)
        return count

    def run(self):
        """Run until nothing is due now, notifications and what they start included."""
        while self.step():
            pass

    def run_out(self):
        """Run until nothing waits, moving the clock to each due time."""
        for _turn in range(200):
            self.run()
            due = [
                at
                for model in (Invocation, Delivery, MessageDelivery)
                for at in model.objects.waiting().values_list("due_at", flat=True)
            ]
            if not due:
                return
            clock.shift(max((min(due) - clock.now()).total_seconds(), 0) + 0.001)
            sweep.sweep()
        raise AssertionError("it never came to rest")

    def close(self):
        self.invoke.close()
        self.deliver.close()
        self.notify.close()


def states():
    """Return every invocation's status, in the order they were accepted."""
    return [row.status for row in Invocation.objects.order_by("pk")]


def record_received_by(function):
    """Return the record that started the function's only run."""
    return json.loads(bytes(Invocation.objects.get(function=function).payload))
