"""A list under a filter shows what is called so in the rows, and all of that."""

from itertools import product

import pytest

from asyncconfig import clock
from asyncconfig.decisions.endings import Condition
from asyncconfig.models import Delivery, Invocation
from asyncconfig.worker import leases
from console.ui import states
from tests.support.factories import accept, make_config, make_function

pytestmark = pytest.mark.django_db


def filtered(rows, filters):
    return [key for key, rule in filters.items() if rows.filter(rule).exists()]


@pytest.mark.parametrize("status", Invocation.Status.values)
def test_name_and_filter_of_a_request_never_differ(status):
    accept(make_function())
    worker = leases.register("invoke", slots=1)
    rows = Invocation.objects.all()
    rows.update(
        status=status,
        held_at=clock.now() if status == "HELD" else None,
        worker=worker if status == "RUNNING" else None,
        finished_at=clock.now() if status in Invocation.FINAL else None,
    )

    for condition, attempts, losses in product(Condition, (0, 1), (0, 1)):
        rows.update(condition=condition, attempts=attempts, losses=losses)
        assert filtered(rows, states.FILTERS) == [states.key_of(rows.get())]


@pytest.mark.parametrize("status", Delivery.Status.values)
def test_name_and_filter_of_a_notification_never_differ(engine, status):
    function = make_function()
    make_config(function, on_success=make_function("told"))
    accept(function)
    claims = engine.claim()
    engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    worker = leases.register("deliver", slots=1)
    rows = Delivery.objects.all()
    rows.update(
        status=status,
        held_at=clock.now() if status == "HELD" else None,
        worker=worker if status == "SENDING" else None,
        finished_at=clock.now() if status in Delivery.FINAL else None,
    )

    for attempts in (0, 1):
        rows.update(attempts=attempts)
        assert filtered(rows, states.DELIVERY_FILTERS) == [
            states.delivery_key(rows.get())
        ]


def test_every_state_that_has_a_look_has_a_filter():
    assert set(states.FILTERS) == set(states.LOOKS)
    assert set(states.DELIVERY_FILTERS) == set(states.DELIVERY_LOOKS)
