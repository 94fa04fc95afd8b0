"""What monitors ask: whether requests are accepted, and which part is not well."""

import json
import os
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.utils import OperationalError

from asyncconfig import clock, holding
from asyncconfig.models import Worker
from asyncconfig.worker import leases
from console.installation import checkup
from console.models import Installation
from tests.support.factories import accept, make_function, make_user

pytestmark = pytest.mark.django_db
FIGURES = {"level", "details"}
PARTS = {
    *("database", "disk", "redis", "workers", "clock", "requests", "notifications"),
    *("isolation", "held"),
}


@pytest.fixture(autouse=True)
def _fresh():
    checkup.writing.forget()
    yield
    checkup.writing.forget()


@pytest.fixture
def workers(db):
    return [leases.register(name, slots=1) for name in Worker.Queue.values]


@pytest.fixture
def full(monkeypatch, settings):
    settings.MIN_FREE_DISK_PERCENT = 5
    disk = SimpleNamespace(f_bavail=1, f_blocks=100)
    monkeypatch.setattr(os, "statvfs", lambda _path: disk)


def test_redis_and_workers_away_are_named_and_requests_are_accepted(client):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    state = answer.json()
    assert state["ready"] is True
    assert {name for name, well in state["parts"].items() if not well} == {
        "redis",
        "workers",
    }
    assert set(state["parts"]) >= PARTS


def test_a_full_disk_is_503_as_accepting_is(client, full):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["parts"]["disk"] is False
    assert answer.json()["parts"]["database"] is True


def test_a_database_that_cannot_be_written_is_503(client, monkeypatch):
    def fail(*_args, **_options):
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(Installation.objects, "update_or_create", fail)

    answer = client.get("/readyz", headers={"authorization": "Bearer none"})

    assert answer.status_code == 503
    assert answer.json()["parts"]["database"] is False
    assert answer.json()["parts"]["disk"] is True


def test_strangers_get_no_figures(client, settings):
    settings.MONITOR_TOKEN = "a-token-of-the-monitor"
    member = make_user()

    answers = [
        client.get("/readyz"),
        client.get("/readyz", headers={"authorization": "Bearer wrong"}),
        client.get("/readyz", headers={"authorization": "Bearer "}),
    ]
    client.force_login(member)
    answers.append(client.get("/readyz"))

    for answer in answers:
        assert set(answer.json()) == {"ready", "parts"}
        assert str(settings.DATA_DIR) not in answer.text


def test_no_token_opens_an_installation_without_one(client, settings):
    settings.MONITOR_TOKEN = ""

    answer = client.get("/readyz", headers={"authorization": "Bearer "})

    assert not FIGURES & set(answer.json())


def test_the_monitor_and_operators_get_figures(client, settings, workers):
    settings.MONITOR_TOKEN = "a-token-of-the-monitor"
    bearer = {"authorization": "Bearer a-token-of-the-monitor"}

    by_token = client.get("/readyz", headers=bearer).json()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    by_person = client.get("/readyz").json()

    for state in (by_token, by_person):
        assert state["level"] == "degraded"
        assert state["details"]["workers"]["invoke"] == 1
        assert state["details"]["disk"]["folder"] == str(settings.DATA_DIR)


def test_callers_together_write_once_in_five_seconds(client):
    client.get("/readyz")
    first = Installation.objects.get().checked_at
    client.get("/readyz")
    # Another process knows nothing but what is in the database.
    checkup.writing.forget()
    client.get("/readyz")

    assert Installation.objects.get().checked_at == first

    clock.shift(6)
    checkup.writing.forget()
    client.get("/readyz")

    assert Installation.objects.get().checked_at > first


def test_what_a_worker_has_just_written_is_not_written_again(client, workers):
    client.get("/readyz")

    assert not Installation.objects.exists()


def test_a_worker_that_died_is_missed(client, workers):
    assert client.get("/readyz").json()["parts"]["workers"] is True

    Worker.objects.filter(queue="deliver").update(lease_until=clock.now())

    assert client.get("/readyz").json()["parts"]["workers"] is False


def test_what_is_due_for_long_is_named(client, workers):
    accept(make_function())
    assert client.get("/readyz").json()["parts"]["requests"] is True

    clock.shift(120)

    assert client.get("/readyz").json()["parts"]["requests"] is False


def test_user_code_that_is_hardly_confined_is_named(client):
    leases.register("invoke", slots=1, isolation_level=3)
    assert client.get("/readyz").json()["parts"]["isolation"] is True

    leases.register("invoke", slots=1, isolation_level=1)

    assert client.get("/readyz").json()["parts"]["isolation"] is False


def test_what_is_held_is_named(client):
    accept(make_function())
    assert client.get("/readyz").json()["parts"]["held"] is True

    holding.hold(at=clock.now())

    assert client.get("/readyz").json()["parts"]["held"] is False


def test_clocks_that_are_apart_are_named(client):
    clock.jump(timedelta(seconds=30).total_seconds())

    assert client.get("/readyz").json()["parts"]["clock"] is False


@pytest.mark.parametrize(("there", "code"), [(False, 1), (True, 0)])
def test_the_doctor_exits_with_the_level(there, code, valkey, capsys):
    if there:
        for name in Worker.Queue.values:
            leases.register(name, slots=1)

    with pytest.raises(SystemExit) as end:
        call_command("doctor", "--json")

    assert end.value.code == code
    assert json.loads(capsys.readouterr().out)["parts"]["workers"] is there


def test_the_doctor_exits_2_when_nothing_is_accepted(full, capsys):
    with pytest.raises(SystemExit) as end:
        call_command("doctor")

    assert end.value.code == 2
    said = capsys.readouterr().out
    assert "1.0 % of the disk is free" in said
    assert "No request is accepted." in said


def test_a_page_says_which_part_and_what_to_do(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "en"

    page = client.get("/operator/health").text

    assert "Redis does not answer." in page
    assert "No worker serves invoke, deliver, notify." in page


def test_no_figure_stands_on_the_page_under_its_raw_name(client, workers):
    Worker.objects.update(isolation_level=3, landlock=7, has_cgroups=True)
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "zh-hans"

    page = client.get("/operator/health").text

    shown = dict(re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", page))
    assert {name for name in shown if re.fullmatch(r"[a-z_]+", name)} == set()
    assert shown["控制组（cgroups）"] == "是"


def test_a_database_that_is_away_is_503_for_everybody(client, monkeypatch):
    client.force_login(make_user(is_staff=True, is_superuser=True))

    def away(*_args, **_options):
        raise OperationalError("the line is cut")

    monkeypatch.setattr(connection, "cursor", away)
    answer = client.get("/readyz")
    monkeypatch.undo()

    assert answer.status_code == 503
    assert set(answer.json()) == {"ready", "parts"}
    assert answer.json()["parts"]["database"] is False
    assert answer.json()["parts"]["workers"] is False
