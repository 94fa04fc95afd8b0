"""VPCs, subnets, and Configuration → Network of a function."""

import pytest
from django.urls import reverse

from console import access
from functions import creating, networks, publishing
from functions.models import Subnet, Vpc
from tests.support.factories import (
    latest,
    make_function,
    make_project,
    make_rocket_instance,
    make_subnet,
    make_user,
)
from tests.support.html import squeezed

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger(client):
    client.force_login(make_user(group=access.ADMINISTRATOR, project=make_project()))
    return client


@pytest.fixture
def reader(client, project):
    client.force_login(make_user(group=access.READER, project=project))
    return client


def test_a_vpc_and_a_subnet_are_created_and_deleted(pages):
    made = pages.post("/services/networks/new", {"name": "net", "cidr": "10.0.0.0/16"})
    vpc = Vpc.objects.get()
    pages.post(f"{made.url}/subnets/new", {"name": "part", "cidr": "10.0.1.0/24"})
    subnet = Subnet.objects.get()

    shown = pages.get(made.url)
    pages.post(reverse("subnet-delete", args=[vpc.vpc_id, subnet.subnet_id]))
    deleted = pages.post(reverse("network-delete", args=[vpc.vpc_id]))

    assert "10.0.1.0/24" in shown.text
    assert deleted.url == "/services/networks"
    assert not Vpc.objects.exists()


@pytest.mark.parametrize(
    ("cidr", "sentence"),
    [
        ("", "Fill this in."),
        ("ten", "ten is not an address range. Write one like 10.0.0.0/16."),
        ("10.0.0.0/99", "10.0.0.0/99 is not an address range."),
        (
            "10.0.0.7/16",
            "10.0.0.7/16 has bits set outside its mask. Write 10.0.0.0/16.",
        ),
    ],
)
def test_a_vpc_with_a_wrong_range_is_refused(pages, cidr, sentence):
    response = pages.post("/services/networks/new", {"name": "net", "cidr": cidr})

    assert response.status_code == 422
    assert sentence in response.text
    assert not Vpc.objects.exists()


@pytest.mark.parametrize(
    ("cidr", "sentence"),
    [
        ("10.1.0.0/24", "10.1.0.0/24 is not within 10.0.0.0/16"),
        ("10.0.0.0/8", "10.0.0.0/8 is not within 10.0.0.0/16"),
        ("fd00::/64", "fd00::/64 is not within 10.0.0.0/16"),
        ("10.0.1.128/25", "10.0.1.128/25 overlaps subnet part (10.0.1.0/24)"),
        ("10.0.0.0/23", "10.0.0.0/23 overlaps subnet part (10.0.1.0/24)"),
    ],
)
def test_a_subnet_outside_or_over_another_is_refused(pages, project, cidr, sentence):
    vpc = make_subnet(project=project).vpc

    response = pages.post(
        reverse("subnet-create", args=[vpc.vpc_id]), {"name": "more", "cidr": cidr}
    )

    assert response.status_code == 422
    assert sentence in response.text
    assert vpc.subnets.count() == 1


def test_names_are_used_once(pages, project):
    vpc = make_subnet(project=project).vpc

    again = pages.post("/services/networks/new", {"name": "net", "cidr": "10.9.0.0/16"})
    part = pages.post(
        reverse("subnet-create", args=[vpc.vpc_id]),
        {"name": "part", "cidr": "10.0.9.0/24"},
    )

    assert (again.status_code, part.status_code) == (422, 422)
    assert "net already exists. Choose another name." in again.text
    assert "part already exists. Choose another name." in part.text


def test_what_is_used_is_not_deleted_and_its_users_are_named(pages, project):
    subnet = make_subnet(project=project)
    function = make_function("test1", project=project)
    networks.connect(latest(function), subnet)
    make_rocket_instance(vpc=subnet.vpc)

    part = pages.post(
        reverse("subnet-delete", args=[subnet.vpc.vpc_id, subnet.subnet_id]),
        follow=True,
    )
    whole = pages.post(reverse("network-delete", args=[subnet.vpc.vpc_id]), follow=True)

    assert "part is used by test1:latest. Move them elsewhere first." in part.text
    assert "net is used by mq, test1:latest." in whole.text
    assert Subnet.objects.exists()


def test_the_question_names_users_with_links_and_offers_no_deletion(pages, project):
    subnet = make_subnet(project=project)
    function = make_function("test1", project=project)
    networks.connect(latest(function), subnet)
    instance = make_rocket_instance(vpc=subnet.vpc)
    ids = [subnet.vpc.vpc_id, subnet.subnet_id]

    part = squeezed(pages.get(reverse("subnet-delete", args=ids)).text)
    whole = squeezed(pages.get(reverse("network-delete", args=ids[:1])).text)
    networks.connect(latest(function), None)
    free = pages.get(reverse("subnet-delete", args=ids)).text

    assert f'<a href="{url(function)}">test1</a>' in part
    assert f'<a href="{url(function)}">test1</a>' in whole
    assert reverse("rocketmq-instance", args=[instance.instance_id]) in whole
    assert "net is in use. Move these elsewhere first:" in whole
    assert "btn danger" not in part + whole
    assert "btn danger" in free


def test_a_deleted_function_keeps_no_vpc_from_being_deleted(pages, project):
    subnet = make_subnet(project=project)
    function = make_function(project=project)
    networks.connect(latest(function), subnet)
    creating.mark_deleted(function)

    networks.delete_vpc(subnet.vpc)

    assert not Vpc.objects.exists()


def url(function):
    return reverse("function-network", args=["default", function.name])


def choose(subnet):
    return {
        "access": "on",
        "vpc": str(subnet.vpc.vpc_id),
        "subnet": str(subnet.subnet_id),
    }


def test_a_function_is_put_into_a_subnet_and_taken_out(pages, project):
    subnet, function = make_subnet(project=project), make_function(project=project)

    pages.post(url(function), choose(subnet))
    inside = latest(function)
    pages.post(url(function), {})
    outside = latest(function)

    assert (inside.vpc, inside.subnet) == (subnet.vpc, subnet)
    assert (outside.vpc, outside.subnet) == (None, None)


def test_the_network_is_taken_from_code_and_given_back(pages, project):
    function = make_function(project=project)
    before = latest(function).network

    page = pages.get(url(function)).text
    pages.post(url(function), {})
    off = latest(function).network
    networks.connect(latest(function), None)
    kept = latest(function).network
    pages.post(url(function), {"network": "on"})

    assert "Public network access" in page
    assert (before, off, kept, latest(function).network) == (True, False, False, True)


def test_a_subnet_of_another_vpc_is_refused(pages, project):
    one, other = make_subnet(project=project), make_subnet(vpc="far", project=project)
    function = make_function(project=project)

    wrong = pages.post(url(function), choose(one) | {"vpc": str(other.vpc.vpc_id)})
    empty = pages.post(url(function), {"access": "on"})

    assert (wrong.status_code, empty.status_code) == (422, 422)
    assert "Subnet part is not in VPC far. Choose one of its own." in wrong.text
    assert "Choose a VPC." in empty.text
    assert "Choose a subnet." in empty.text


def test_another_projects_subnet_cannot_be_chosen(pages, project):
    function = make_function(project=project)
    foreign = make_subnet(project=make_project())

    response = pages.post(url(function), choose(foreign))

    assert response.status_code == 422
    assert "Choose a VPC from the list." in response.text


def test_a_published_version_keeps_its_vpc_and_is_read_only(pages, project):
    subnet, function = make_subnet(project=project), make_function(project=project)
    networks.connect(latest(function), subnet)
    published = publishing.publish(
        function, name="v1", description="", now=function.created_at
    )

    shown = pages.get(url(function) + "?v=v1")
    refused = pages.post(url(function) + "?v=v1", {})

    published.refresh_from_db()
    assert "<fieldset disabled>" in shown.text
    assert refused.status_code == 422
    assert "Version v1 is read-only. Switch to latest to edit." in refused.text
    assert published.subnet == subnet


def test_networks_of_others_do_not_exist(stranger, project):
    subnet = make_subnet(project=project)
    vpc_id = subnet.vpc.vpc_id

    answers = [
        stranger.get(reverse("network", args=[vpc_id])),
        stranger.post(reverse("network-delete", args=[vpc_id])),
        stranger.post(reverse("subnet-delete", args=[vpc_id, subnet.subnet_id])),
        stranger.post(reverse("subnet-create", args=[vpc_id]), {"name": "a"}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert "net" not in [
        vpc.name for vpc in stranger.get("/services/networks").context["vpcs"]
    ]


def test_a_reader_looks_and_changes_nothing(reader, project):
    subnet = make_subnet(project=project)
    function = make_function(project=project)
    vpc_id = subnet.vpc.vpc_id

    refused = [
        reader.post("/services/networks/new", {"name": "a", "cidr": "10.0.0.0/16"}),
        reader.post(reverse("network-delete", args=[vpc_id])),
        reader.post(url(function), choose(subnet)),
    ]

    assert reader.get(reverse("network", args=[vpc_id])).status_code == 200
    assert [answer.status_code for answer in refused] == [403] * 3


@pytest.mark.parametrize("rows", [1, 3])
def test_the_lists_have_a_fixed_number_of_queries(pages, project, rows, asks):
    for number in range(rows):
        subnet = make_subnet(vpc=f"net{number}", project=project)
        networks.connect(latest(make_function(project=project)), subnet)
        networks.create_subnet(subnet.vpc, name="more", cidr="10.0.9.0/24")

    with asks(5):
        pages.get("/services/networks")
    with asks(7):
        pages.get(reverse("network", args=[subnet.vpc.vpc_id]))
