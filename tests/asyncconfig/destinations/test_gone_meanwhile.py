"""Two people at once: what one deleted, the other cannot change, and is told so."""

import pytest

from asyncconfig.models import RocketInstance
from asyncconfig.services.rocketmq import keeping
from functions import agencies, networks
from functions.agencies import WantedAgency
from functions.exceptions import FunctionsError
from functions.models import Agency, Subnet, Vpc
from functions.models.agency import Reach
from tests.support.factories import make_project, make_rocket_instance, make_subnet

pytestmark = pytest.mark.django_db


@pytest.fixture
def vpc():
    return make_subnet(project=make_project()).vpc


@pytest.mark.parametrize(
    "change",
    [
        lambda one: keeping.change(one, name="other"),
        lambda one: keeping.add_topic(one, "more"),
        lambda one: keeping.remove_topic(one, "orders"),
        lambda one: keeping.add_rule(one, first_port=1, last_port=2, source="::/0"),
    ],
)
def test_an_instance_that_is_gone_is_not_changed(vpc, change):
    instance = make_rocket_instance(vpc=vpc)
    RocketInstance.objects.get(pk=instance.pk).delete()

    with pytest.raises(FunctionsError, match="no longer exists"):
        change(instance)


def test_an_instance_is_not_made_in_a_vpc_that_is_gone(vpc):
    networks.delete_vpc(Vpc.objects.get(pk=vpc.pk))

    with pytest.raises(FunctionsError, match="no longer exists"):
        keeping.create(vpc.project, name="mq", vpc=vpc, host="10.0.0.1", port=8081)


def test_no_subnet_is_made_in_a_vpc_that_is_gone(vpc):
    networks.delete_vpc(Vpc.objects.get(pk=vpc.pk))

    with pytest.raises(FunctionsError, match="no longer exists"):
        networks.create_subnet(vpc, name="late", cidr="10.0.2.0/24")


def test_deleting_twice_is_as_good(vpc):
    subnet = Subnet.objects.get()
    networks.delete_subnet(Subnet.objects.get())
    networks.delete_subnet(subnet)
    networks.delete_vpc(Vpc.objects.get())
    networks.delete_vpc(vpc)


def test_deleting_an_instance_twice_is_as_good(vpc):
    instance = make_rocket_instance(vpc=vpc)
    keeping.delete(RocketInstance.objects.get(pk=instance.pk))
    keeping.delete(instance)


def test_an_agency_that_is_gone_is_not_changed():
    agency = agencies.create(
        make_project(), "one", WantedAgency(actions=[], reach=Reach())
    )
    Agency.objects.get(pk=agency.pk).delete()

    with pytest.raises(FunctionsError, match="no longer exists"):
        agencies.change(agency, WantedAgency(actions=[], reach=Reach()))
    with pytest.raises(FunctionsError, match="no longer exists"):
        agencies.grant(agency, ["any"])
