"""One key is one request, for a day."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from asyncconfig import clock
from asyncconfig.exceptions import KeyReused, PayloadRefused
from asyncconfig.invocations import accepting, idempotency
from asyncconfig.models import IdempotencyKey, Invocation
from functions.qualifiers import Resolved
from tests.support.factories import latest, make_function, make_user

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


def send(function, payload=b"{}", *, key="order-1", asked="latest", **fields):
    return idempotency.accept_once(
        Resolved(latest(function)),
        payload,
        key=key,
        asked=asked,
        origin=accepting.Origin(by="test"),
        **fields,
    )


def test_the_same_request_is_accepted_once():
    function = make_function()

    first, again = send(function), send(function)

    assert first.request_id == again.request_id
    assert Invocation.objects.count() == 1


@pytest.mark.parametrize(
    ("payload", "fields"),
    [(b'{"n": 2}', {}), (b"{}", {"asked": "!prod"}), (b"{}", {"memory_size": 256})],
)
def test_another_request_under_the_key_is_refused(payload, fields):
    function = make_function()
    send(function)

    with pytest.raises(KeyReused):
        send(function, payload, **fields)
    assert Invocation.objects.count() == 1


def test_keys_belong_to_a_function():
    ids = {send(make_function()).request_id for _turn in range(2)}

    assert len(ids) == 2


def test_a_key_is_forgotten_after_a_day():
    function = make_function()
    first = send(function)
    clock.shift(24 * 3600 + 1)

    again = send(function, b'{"n": 2}')

    assert first.request_id != again.request_id
    assert IdempotencyKey.objects.count() == 1
    clock.shift(24 * 3600 + 1)
    assert idempotency.forget() == 1


def test_what_is_not_accepted_leaves_no_key():
    function = make_function()

    with pytest.raises(PayloadRefused):
        send(function, b"no json")

    assert not IdempotencyKey.objects.exists()


def test_only_the_first_of_a_form_is_started():
    person, begun = make_user(), []

    def start():
        begun.append("x")
        return f"number {len(begun)}"

    first, again = (idempotency.once(person, "k", "d", start) for _turn in range(2))

    assert (first.answer, first.is_first) == ("number 1", True)
    assert (again.answer, again.is_first) == ("number 1", False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_outside", [False, True])
def test_forms_that_race_are_started_once(is_outside):
    if connection.vendor == "sqlite":
        pytest.skip("in memory SQLite knows no waiting; the browser's test races")
    person, begun = make_user(), []

    def start():
        begun.append("x")
        time.sleep(0.2)
        return f"number {len(begun)}"

    def race(_turn):
        try:
            if is_outside:
                return idempotency.once_outside(person, "k", "d", start, seconds=30)
            return idempotency.once(person, "k", "d", start)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(race, range(8)))

    assert {one.answer for one in done} == {"number 1"}
    assert [one.is_first for one in done].count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_requests_that_race_are_one():
    if connection.vendor == "sqlite":
        pytest.skip("in memory SQLite knows no waiting; the SDK's test races on disk")
    function = make_function()

    def race(_turn):
        try:
            return send(function).request_id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(race, range(16)))

    assert len(ids) == 1
    assert Invocation.objects.count() == 1
