"""What is promised of each request, compared with the rows after every step."""

from collections import Counter

from django.db.models import Q
from hypothesis.stateful import RuleBasedStateMachine, invariant

from asyncconfig.models import Attempt, Delivery, Invocation, MessageDelivery
from asyncconfig.reports import balancing
from tests.asyncconfig.model.acts import facts_of
from tests.asyncconfig.model.oracle import Oracle
from tests.asyncconfig.model.world import FUNCTION, MOST_HOPS, SCRIPTED, TOPIC, seconds


class Promises(RuleBasedStateMachine):
    """Holds the oracle against the rows; tests set `world`."""

    world = None

    def __init__(self):
        super().__init__()
        self.oracle = Oracle()
        self.ended = {}
        self.children = set()
        self.ids = {}

    @invariant()
    def rows_agree(self):
        self.adopt_children()
        rows = {row.pk: row for row in Invocation.objects.without_bodies()}
        assert set(rows) == set(self.oracle.requests), "accepted and stored differ"
        for key, expected in self.oracle.requests.items():
            row = rows[key]
            facts = facts_of(row)
            assert facts == expected.facts, f"{expected.function} {key}"
            if not expected.is_over:
                assert seconds(row.due_at) == expected.due
            if row.is_finished:
                ending = facts, row.error, row.finished_at
                assert self.ended.setdefault(key, ending) == ending, "settled twice"
            assert row.hops <= MOST_HOPS

    @invariant()
    def figures_agree(self):
        assert balancing.balance().drift == 0
        running = Invocation.objects.running().filter(
            function=self.world.functions["single"]
        )
        assert running.count() <= 1
        retries = {
            self.world.functions[name].pk: max(one.user_retries, one.system_retries)
            for name, one in self.world.rules.items()
        }
        for key, attempts in Invocation.objects.values_list("function", "attempts"):
            assert attempts <= retries[key] + 1
        claims = Attempt.objects.filter(number__gt=0).values_list("invocation", "epoch")
        assert all(times == 1 for times in Counter(claims).values())

    @invariant()
    def what_is_owed_is_there(self):
        owed = {delivery.invocation_id: delivery for delivery in Delivery.objects.all()}
        assert len(owed) == Delivery.objects.count()
        taken = {parcel for parcel, _record in self.world.scripted.taken}
        for key, request in self.oracle.requests.items():
            delivery = owed.get(key)
            assert (delivery.kind if delivery else "") == request.owes
            if delivery:
                known = self.ids.setdefault(key, delivery.delivery_id)
                assert known == delivery.delivery_id
                self._arrived(delivery, taken)

    @staticmethod
    def _arrived(delivery, taken):
        is_done = delivery.status == Delivery.Status.DELIVERED
        if delivery.kind == SCRIPTED:
            assert not is_done or str(delivery.delivery_id) in taken
        elif delivery.kind == FUNCTION:
            children = Invocation.objects.filter(source_delivery=delivery).count()
            assert children == is_done
        elif delivery.kind == TOPIC:
            owed = MessageDelivery.objects.filter(message__source_delivery=delivery)
            assert owed.count() == is_done
            for one in owed:
                started = Invocation.objects.filter(source_message_delivery=one).count()
                assert started == (one.status == Delivery.Status.DELIVERED)

    def adopt_children(self):
        """Tell the oracle of what notifications have started."""
        known = self.oracle.requests
        new = Invocation.objects.exclude(pk__in=list(known))
        told = Q(source_delivery__isnull=False)
        told |= Q(source_message_delivery__isnull=False)
        for row in new.filter(told):
            told_by = row.source_delivery_id, row.source_message_delivery_id
            assert told_by not in self.children, "a notification started two requests"
            self.children.add(told_by)
            name = self.world.names[row.function_id]
            self.oracle.accept(row.pk, name, self.world.rules[name])
            self.oracle.requests[row.pk].due = seconds(row.accepted_at)
            if row.hops >= MOST_HOPS:
                self.oracle.stop_loop(row.pk)
