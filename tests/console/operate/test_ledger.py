"""The ledger says where all that was accepted stands, and names what breaks a rule."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from asyncconfig import clock
from asyncconfig.decisions.sides import Side
from asyncconfig.models import Attempt, Delivery, Invocation
from asyncconfig.reports import balancing, ledger
from tests.support.factories import accept, make_config, make_function, make_user

pytestmark = pytest.mark.django_db
REQUESTS, NOTIFICATIONS, _MESSAGES = ledger.BOOKS
DAY = 24 * 3600


def since(seconds):
    return clock.now() - timedelta(seconds=seconds)


@pytest.fixture
def function():
    made = make_function("source")
    make_config(made, on_success=make_function("told"))
    return made


def test_each_function_and_hour_adds_up(engine, function):
    accept(function)
    engine.run()
    clock.shift(2 * 3600)
    accept(function)
    accept(make_function("other"))

    entries = ledger.entries(REQUESTS, since=since(DAY))

    assert [(one.owner, one.accepted, one.by_status) for one in entries] == [
        ("other", 1, {"WAIT": 1}),
        ("source", 1, {"WAIT": 1}),
        ("source", 1, {"SUCCESS": 1}),
        ("told", 1, {"SUCCESS": 1}),
    ]
    assert all(one.adds_up for one in entries)
    (owed,) = ledger.entries(NOTIFICATIONS, since=since(DAY))
    assert (owed.owner, owed.by_status) == ("source", {"DELIVERED": 1})


def test_what_is_older_is_not_read(function):
    for _number in range(20):
        accept(function)
        clock.shift(3600)

    entries = ledger.entries(REQUESTS, since=since(3 * 3600 + 60))

    assert sum(one.accepted for one in entries) == 3
    oldest_kept = ledger._first_since(REQUESTS, since(3 * 3600 + 60))
    assert Invocation.objects.filter(pk__lt=oldest_kept).count() == 17


def test_nothing_at_all_is_no_trouble():
    assert [ledger.entries(book, since=since(DAY)) for book in ledger.BOOKS] == [[]] * 3


def break_notification(request):
    Delivery.objects.all().delete()
    return balancing.NOTIFIES


def break_side(request):
    Delivery.objects.update(side=Side.FAILURE)
    return balancing.OWED


def break_count(request):
    Attempt.objects.all().delete()
    return balancing.COUNTS


@pytest.mark.parametrize("break_it", [break_notification, break_side, break_count])
def test_drift_names_the_request_and_the_rule(engine, function, capsys, break_it):
    request = accept(function)
    claims = engine.claim()
    engine.settle([(claim, engine.invoke.run(claim)) for claim in claims])
    assert ledger.faults() == []

    rule = break_it(request)

    assert ledger.BrokenRule(rule, str(request.request_id)) in ledger.faults()
    assert balancing.balance().drift > 0
    with pytest.raises(SystemExit) as end:
        call_command("ledger", "--json")
    assert end.value.code == 1
    told = json.loads(capsys.readouterr().out)
    assert {"rule": rule, "subject": str(request.request_id)} in told["faults"]


def test_the_command_says_so_when_nothing_breaks_a_rule(function, capsys):
    accept(function)

    call_command("ledger")

    said = capsys.readouterr().out
    assert "cn-east-3/source 1 = 1 WAIT" in said
    assert said.endswith("Nothing breaks a rule.\n")


def test_pages_show_the_ledger_and_name_the_drift(engine, client, function):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "en"
    request = accept(function)
    engine.run()
    Attempt.objects.filter(invocation=request).delete()

    shown = client.get("/operator/ledger?hours=6").text
    balance = client.get("/operator/balance").text

    assert '<th scope="row">source</th>' in shown
    assert '<option value="6" selected>' in shown
    assert str(request.request_id) in balance
    assert balancing.COUNTS in balance


def test_how_many_were_accepted_is_not_called_a_time(client, function):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "zh-hans"
    accept(function)

    shown = client.get("/operator/ledger").text

    assert '<th scope="col" class="num">已接收</th>' in shown
    assert "接收时间" not in shown
