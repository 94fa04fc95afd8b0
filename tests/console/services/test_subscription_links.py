"""The links that subscribers are sent."""

import re

import pytest
from django.core import mail

from asyncconfig.lanes.messaging import CONFIRM, LEAVE
from asyncconfig.models import (
    Subscription,
)
from asyncconfig.services.topics import subscribing
from tests.support.factories import make_topic, subscribe

pytestmark = pytest.mark.django_db


def link(subscription, step):
    if step == CONFIRM:
        return f"/smn/subscription/confirm?token={subscription.token}"
    token = subscribing.leaving_token(subscription)
    return f"/smn/subscription/unsubscribe?token={token}"


def test_a_program_confirms_by_opening_the_link(client, settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    made = subscribe(make_topic(), "http", "http://127.0.0.1:9/x", confirmed=False)

    first = client.get(link(made, CONFIRM))
    again = client.get(link(made, CONFIRM))

    assert (first.status_code, again.status_code) == (200, 200)
    made.refresh_from_db()
    assert made.is_confirmed


def test_what_reads_a_mail_confirms_nothing_by_opening_links(client, settings):
    settings.EMAIL_HOST = "mail.example"
    made = subscribe(make_topic(), "email", "ops@example.com", confirmed=False)
    client.cookies["django_language"] = "en"
    client.handler.enforce_csrf_checks = True

    asked = client.get(link(made, CONFIRM))
    made.refresh_from_db()
    assert not made.is_confirmed
    assert client.post(link(made, CONFIRM)).status_code == 403
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', asked.text)[1]
    client.post(link(made, CONFIRM), {"csrfmiddlewaretoken": token})

    made.refresh_from_db()
    assert made.is_confirmed
    assert mail.outbox == []


def test_leaving_takes_the_button(client, settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    made = subscribe(make_topic(), "http", "http://127.0.0.1:9/x")

    assert client.get(link(made, LEAVE)).status_code == 200
    assert Subscription.objects.exists()
    assert client.post(link(made, LEAVE)).status_code == 200

    assert not Subscription.objects.exists()
    assert client.get(link(made, LEAVE)).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "é", "a:b", "a" * 5000])
def test_a_token_that_is_none_opens_nothing(client, token):
    for step in (CONFIRM, LEAVE):
        page = client.get(f"/smn/subscription/{step}", {"token": token})
        assert page.status_code == 404
