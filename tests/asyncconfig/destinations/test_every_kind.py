"""What holds for every kind of destination, at a real target of each."""

import contextlib
import json

import pytest
from django.db import transaction
from django.urls import reverse

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from asyncconfig.models import Delivery, Invocation
from asyncconfig.reports import balancing
from asyncconfig.worker import sweep
from console.access import ADMINISTRATOR
from functions.models import Project
from tests.support.adapters import ADAPTERS
from tests.support.factories import accept, latest, make_project, make_user

pytestmark = [pytest.mark.engine, pytest.mark.django_db]
PAYLOAD = '{"名": "123"}'.encode()
SIDES = [
    pytest.param(name, side, id=f"{name}-{side}")
    for name, adapter in ADAPTERS.items()
    for side in KINDS[adapter.kind].sides
]


@pytest.fixture
def target(request, engine):
    make_project()
    made = ADAPTERS[request.param](request)
    yield made
    made.close()


@pytest.fixture
def pages(client, target):
    """Somebody who may do everything, operate the installation included."""
    fields = {"group": ADMINISTRATOR, "project": Project.objects.get()}
    client.force_login(make_user(is_staff=True, is_superuser=True, **fields))
    client.cookies["django_language"] = "en"
    return client


EVERY = pytest.mark.parametrize("target", ADAPTERS, indirect=True)


def end(engine, function, payload=PAYLOAD):
    """Let a request of the function end, and owe a notification; tell nobody yet."""
    invocation = accept(function, payload)
    engine.settle([(claim, engine.invoke.run(claim)) for claim in engine.claim()])
    invocation.refresh_from_db()
    return invocation


def delivery_of(invocation):
    return Delivery.objects.get(invocation=invocation)


def assert_there(target, invocation, *, times=1):
    """The record is at the target byte for byte, under the ID of its delivery."""
    delivery = delivery_of(invocation)
    arrived = target.arrived()
    assert len(arrived) == times
    assert {one.record for one in arrived} == {bytes(delivery.record)}
    assert all(target.key(delivery) in one.keys for one in arrived)
    assert delivery.status == "DELIVERED"
    assert balancing.balance().drift == 0


def assert_shown(pages, invocation, state, delivery_state):
    """The list and the detail say how the run ended, and how its notification did."""
    listed = pages.get("/invocations", {"function": invocation.function.name})
    detail = pages.get(reverse("invocation", args=[invocation.request_id]))
    (row,) = [
        one for one in listed.context["rows"] if one["invocation"].pk == invocation.pk
    ]
    (told,) = detail.context["records"]
    assert (row["state"].key, row["delivery_state"].key) == (state, delivery_state)
    assert (detail.context["state"].key, told["state"].key) == (state, delivery_state)
    for page in (listed.text, detail.text):
        assert str(row["state"].label) in page
        assert str(row["delivery_state"].label) in page


@pytest.mark.parametrize(("target", "side"), SIDES, indirect=["target"])
def test_the_record_arrives_as_it_is_shown(engine, target, pages, side):
    invocation = end(engine, target.sender(side))

    engine.run()

    assert_there(target, invocation)
    shown = reverse("invocation-body", args=[invocation.request_id, "record"])
    assert [one.record for one in target.arrived()] == [pages.get(shown).content]
    state = "success" if side == "success" else "failed"
    assert_shown(pages, invocation, state, "delivered")


@EVERY
def test_a_target_that_is_away_is_told_later(engine, target, pages):
    invocation = end(engine, target.sender())
    target.leave()
    engine.run()
    waiting, kept = target.owed(), target.owed() == delivery_of(invocation)
    assert (waiting.status, waiting.attempts) == ("WAIT", 1)
    assert waiting.reason
    assert_shown(pages, invocation, "failed", "retrying" if kept else "delivered")

    target.come_back()
    engine.run()
    assert target.arrived() == []
    clock.shift(6)
    engine.run()

    assert (target.owed().status, target.owed().attempts) == ("DELIVERED", 2)
    assert_there(target, invocation)


@EVERY
def test_retries_exhausted_are_a_dead_letter(engine, target, settings):
    settings.DELIVERY_RETRY_FOR_SECONDS = 20
    invocation = end(engine, target.sender())
    target.leave()

    engine.run_out()

    dead = target.owed()
    assert dead.status == "FAILED"
    assert dead.reason.endswith(f" Given up after {dead.attempts} tries.")
    assert dead.attempts >= 3
    invocation.refresh_from_db()
    assert invocation.status == "FAIL"
    assert balancing.balance().drift == 0
    target.come_back()
    assert target.arrived() == []


@EVERY
def test_a_target_that_is_broken_makes_a_dead_letter_until_it_is_repaired(
    engine, target, pages
):
    invocation = end(engine, target.sender())
    target.spoil()
    engine.run()
    dead = delivery_of(invocation)
    assert (dead.status, dead.attempts) == ("FAILED", 1)
    assert dead.reason
    assert_shown(pages, invocation, "failed", "failed")

    target.repair()
    key = dead.target_key.split(":", 2)[2]
    assert_counted(pages, target, dead, key)
    asked = {"kind": dead.kind, "target": key, "confirmed": "yes"}
    pages.post(reverse("deliveries-resend"), asked)
    engine.run()

    assert_there(target, invocation)
    assert delivery_of(invocation).attempts == 2


def assert_counted(pages, target, dead, key):
    """The dead letter is on the target's page, in the list, and the operators'."""
    listed = pages.get("/deliveries", {"kind": dead.kind, "target": key})
    assert listed.context["chosen"].failed == 1
    assert f"delivery-{dead.delivery_id}" in listed.text
    operated = pages.get("/operator/deliveries")
    assert [(one.target_key, one.failed) for one in operated.context["targets"]] == [
        (dead.target_key, 1)
    ]
    if target.page:
        own = pages.get(target.page)
        assert [(one.name, one.failed) for one in own.context["backlogs"]] == [(key, 1)]
        assert f'name="target" value="{key}"' in own.text


@EVERY
def test_a_right_taken_away_is_a_dead_letter_with_its_action(engine, target, pages):
    invocation = end(engine, target.sender())
    agency = latest(invocation.function).agency
    agency.actions = []
    agency.save()

    engine.run()

    dead = delivery_of(invocation)
    assert dead.status == "FAILED"
    assert target.destination.action in dead.reason
    assert target.arrived() == []
    assert_shown(pages, invocation, "failed", "failed")


@pytest.mark.parametrize("target", ["SMN", "SMN of the cloud"], indirect=True)
def test_a_record_over_the_limit_is_emptied_and_marked_and_the_page_says_so(
    engine, target, pages
):
    source = "def handler(event, context):\n    return 'x' * 200_000\n"
    function = target.sender("success", source=source)
    invocation = end(engine, function, b'{"text": "' + b"y" * 200_000 + b'"}')

    engine.run()

    assert_there(target, invocation)
    record = json.loads(target.arrived()[0].record)
    assert record["payloads_omitted"] is True
    assert record["request_payload"] == record["response_payload"] == ""
    shown = pages.get(reverse("invocation", args=[invocation.request_id])).text
    assert "too large for SMN, so its payloads were left out." in shown


class Died(Exception):
    """The process ends here; nothing it has not committed was ever there."""


def before_claiming(engine):
    """Nobody has it: it was written together with the end of the run."""


def after_claiming(engine):
    engine.claim(engine.deliver)


def before_settling(engine):
    claims = engine.claim(engine.deliver)
    done = [(claim, engine.deliver.run(claim)) for claim in claims]
    with contextlib.suppress(Died), transaction.atomic():
        engine.deliver.settle(engine.worker(engine.deliver), done)
        raise Died


def after_settling(engine):
    claims = engine.claim(engine.deliver)
    engine.settle([(c, engine.deliver.run(c)) for c in claims], engine.deliver)


@EVERY
@pytest.mark.parametrize(
    "die", [before_claiming, after_claiming, before_settling, after_settling]
)
def test_a_courier_that_dies_anywhere_loses_nothing(engine, target, die):
    invocation = end(engine, target.sender())
    before = delivery_of(invocation)
    die(engine)

    clock.shift(11)
    sweep.sweep()
    engine.run()

    assert delivery_of(invocation).delivery_id == before.delivery_id
    assert_there(
        target, invocation, times=target.twice if die is before_settling else 1
    )
    tries = delivery_of(invocation).attempt_set.filter(succeeded=True)
    assert tries.count() == 1
    is_written_here = target.destination.is_written_here(invocation.version)
    assert target.twice == 1 or not is_written_here
    assert Invocation.objects.filter(function=invocation.function).count() == 1
