"""A network stays while a deleted function's notifications need it."""

import pytest

from asyncconfig import removing
from functions.exceptions import StillUsed
from functions.models import Subnet, Vpc
from tests.support.factories import (
    RAISES,
    accept,
    make_config,
    make_function,
    make_rocket_config,
    make_rocket_instance,
    make_sender,
    make_subnet,
)

pytestmark = [pytest.mark.engine, pytest.mark.django_db]
DELETE = [
    lambda: removing.delete_subnet(Subnet.objects.get()),
    lambda: removing.delete_vpc(Vpc.objects.get()),
]


@pytest.fixture
def instance(db):
    return make_rocket_instance(vpc=make_subnet().vpc)


def networks():
    return Vpc.objects.count(), Subnet.objects.count()


@pytest.mark.parametrize("is_over", [False, True])
@pytest.mark.parametrize("delete", DELETE)
def test_a_network_stays_while_a_message_is_sent_from_it(
    engine, instance, delete, is_over
):
    function = make_sender(instance, name="gone", source=RAISES)
    make_rocket_config(function, instance, max_retries=0)
    accept(function)
    claims = engine.claim()
    if is_over:
        engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    removing.delete_function(function)
    instance.delete()

    with pytest.raises(StillUsed, match="Notifications of gone are still sent from"):
        delete()

    assert networks() == (1, 1)
    assert function.versions.get().subnet == Subnet.objects.get()


@pytest.mark.parametrize("delete", DELETE)
def test_what_is_told_to_others_needs_no_network(engine, instance, delete):
    function = make_sender(instance)
    make_config(function, on_failure=make_function())
    accept(function)
    assert engine.claim()
    removing.delete_function(function)
    instance.delete()

    delete()

    assert Subnet.objects.count() == 0


@pytest.mark.parametrize("delete", DELETE)
def test_who_uses_a_network_is_named_first(engine, instance, delete):
    function = make_sender(instance, name="test1")
    make_rocket_config(function, instance)
    accept(function)

    with pytest.raises(StillUsed, match=r"is used by .*test1:latest"):
        delete()
