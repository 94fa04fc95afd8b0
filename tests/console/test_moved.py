"""Addresses that pages had before still lead to them."""

import pytest
from django.urls import reverse

from tests.support.factories import make_stream, make_subnet, make_topic

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("/resources/topics", "/services/topics"),
        ("/resources/new-bucket", "/services/new-bucket"),
        (
            "/resources/streams/flow?partition=1&x=%E4",
            "/services/streams/flow?partition=1&x=%E4",
        ),
        (
            "/resources/rocketmq/topics/%25a%3F/delete",
            "/services/rocketmq/topics/%25a%3F/delete",
        ),
        ("/resources//example.org/x", "/services//example.org/x"),
        ("/networks", "/services/networks"),
        ("/networks/new?a=1", "/services/networks/new?a=1"),
    ],
)
def test_a_bookmark_of_a_former_address_leads_on(pages, former, now):
    answer = pages.get(former)

    assert (answer.status_code, answer.headers["Location"]) == (301, now)


def test_things_open_at_their_former_addresses(pages, project):
    make_topic("news", project=project)
    make_stream("flow", project=project)
    vpc = make_subnet(project=project).vpc
    former = {
        "/resources/topics/news": reverse("topic", args=["news"]),
        "/resources/topics/news/subscribe": reverse("topic-subscribe", args=["news"]),
        f"/networks/{vpc.vpc_id}": reverse("network", args=[vpc.vpc_id]),
    }

    for path, now in former.items():
        answer = pages.get(path, follow=True)
        assert (answer.status_code, answer.redirect_chain) == (200, [(now, 301)])


def test_a_former_address_takes_no_form(pages):
    answer = pages.post("/resources/new-topic", {"name": "news"})

    assert answer.status_code == 405


def test_a_former_address_tells_strangers_nothing(client):
    assert client.get("/resources/topics").headers["Location"].startswith("/login")
