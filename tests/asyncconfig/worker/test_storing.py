"""A result that cannot be stored ends alone, and none is lost that could be later."""

import dataclasses

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
)

from asyncconfig import troubles
from asyncconfig.invocations import finishing
from asyncconfig.models import Attempt, Delivery, Invocation
from asyncconfig.reports import balancing
from asyncconfig.worker.dispatching import Dispatcher
from functions.models import Version
from functions.runtime import Kind, Outcome
from tests.support.factories import accept, make_config, make_function

pytestmark = [pytest.mark.engine, pytest.mark.django_db]

WELL = Outcome(kind=Kind.OK, started=True)
POISON = Outcome(kind=Kind.CODE, code=10**30, error="Error: forged", started=True)
POISONS = [
    POISON,
    dataclasses.replace(WELL, code=2**63),
    dataclasses.replace(WELL, code=object()),
    dataclasses.replace(WELL, duration_ms=float("nan")),
    dataclasses.replace(WELL, duration_ms=float("inf")),
    dataclasses.replace(WELL, log=None),
    dataclasses.replace(WELL, result=None),
]
FULL = OperationalError("database or disk is full")


class Trouble:
    """Makes a method of a lane fail for some items while it lasts."""

    def __init__(self, monkeypatch, lane, error, *, of=None):
        self.error = error
        settle = lane.settle

        def fail(worker, done):
            if self.error and [c for c, _ in done if of in (None, c.spec.function)]:
                raise self.error
            return settle(worker, done)

        monkeypatch.setattr(lane, "settle", fail)


@pytest.fixture
def dispatcher(engine):
    """A worker's dispatcher that takes its steps one by one, without slots."""
    made = Dispatcher(engine.invoke, slots=4)
    made.worker = engine.worker(engine.invoke)
    return made


def accept_three(**fields):
    """Accept one request of the function that is returned between two others."""
    good, poisoned = make_function("good"), make_function("poisoned")
    make_config(poisoned, max_retries=0, on_failure=make_function("told"))
    for function in (good, poisoned, good):
        accept(function, **fields)
    return poisoned


def answer(dispatcher, poison=WELL):
    """Finish what is held: all of it well, but with poison where it belongs."""
    for claim in list(dispatcher._held.values()):
        is_poisoned = claim.spec.function == "poisoned"
        dispatcher._done.append((claim, poison if is_poisoned else WELL, 0))


def states_of(name):
    rows = Invocation.objects.filter(function__name=name).order_by("pk")
    return [row.status for row in rows]


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("mode", Invocation.Mode.values)
def test_a_poison_result_neither_stays_nor_takes_others_with_it(
    dispatcher, poison, mode
):
    accept_three(mode=mode)
    dispatcher._step()
    answer(dispatcher, poison)

    dispatcher._step()

    assert states_of("good") == ["SUCCESS", "SUCCESS"]
    ended = Invocation.objects.get(function__name="poisoned")
    assert (ended.status, ended.condition) == ("FAIL", "SystemError")
    assert ended.error.startswith("The run could not be completed: ")
    assert ended.attempt_set.get().kind == "system"
    assert Delivery.objects.count() == (mode == "async")
    accept(make_function("later"))
    dispatcher._step()
    assert states_of("later") == ["RUNNING"]


def test_when_nothing_of_it_can_be_stored_the_request_ends_with_a_sentence(
    dispatcher, monkeypatch
):
    monkeypatch.setattr(dispatcher.lane, "unstorable", lambda item, error: POISON)
    accept_three()
    dispatcher._step()
    answer(dispatcher, POISON)

    dispatcher._step()

    assert states_of("good") == ["SUCCESS", "SUCCESS"]
    ended = Invocation.objects.get(function__name="poisoned")
    assert (ended.status, ended.attempts) == ("FAIL", 0)
    assert ended.error.startswith("The result could not be stored: ")
    assert Delivery.objects.get().side == "failure"
    assert balancing.balance().drift == 0


def test_when_not_even_its_record_can_be_written_it_ends_all_the_same(
    dispatcher, monkeypatch
):
    def refuse(*told):
        raise ValueError("no record of this")

    monkeypatch.setattr(finishing, "_delivery", refuse)
    accept_three()
    dispatcher._step()
    answer(dispatcher, dataclasses.replace(POISON, code=4002))

    dispatcher._step()

    assert states_of("good") == ["SUCCESS", "SUCCESS"]
    ended = Invocation.objects.get(function__name="poisoned")
    assert (ended.status, ended.worker) == ("FAIL", None)
    assert ended.error.endswith("ValueError: no record of this")


def test_a_full_disk_makes_no_failure_of_a_success(dispatcher, monkeypatch):
    trouble = Trouble(monkeypatch, dispatcher.lane, FULL)
    trouble.error = None
    accept_three()
    dispatcher._step()
    answer(dispatcher)
    trouble.error = FULL

    dispatcher._step()
    assert states_of("good") == ["RUNNING", "RUNNING"]
    assert not Attempt.objects.exists()
    trouble.error = None
    dispatcher._unstored._again_at = 0
    dispatcher._step()

    assert states_of("good") + states_of("poisoned") == ["SUCCESS"] * 3
    assert Attempt.objects.filter(kind="ok", is_late=False).count() == 3


def test_what_waits_to_be_stored_is_no_more_than_slots(dispatcher, monkeypatch):
    trouble = Trouble(monkeypatch, dispatcher.lane, FULL, of="busy")
    function = make_function("busy")
    for _turn in range(12):
        accept(function)
    for _step in range(6):
        dispatcher._step()
        answer(dispatcher)

    assert states_of("busy").count("RUNNING") == 4
    trouble.error = None
    for _step in range(8):
        dispatcher._unstored._again_at = 0
        dispatcher._step()
        answer(dispatcher)
    assert set(states_of("busy")) == {"SUCCESS"}


def test_a_locked_row_holds_up_no_other_result(dispatcher, monkeypatch):
    timed_out = OperationalError("canceling statement due to lock timeout")
    Trouble(monkeypatch, dispatcher.lane, timed_out, of="poisoned")
    accept_three()
    dispatcher._step()
    answer(dispatcher)

    dispatcher._step()

    assert states_of("good") == ["SUCCESS", "SUCCESS"]
    assert states_of("poisoned") == ["RUNNING"]


def test_what_a_commit_without_an_answer_claimed_does_not_wait_for_ever(engine):
    accept(make_function("lost"))
    worker = engine.worker(engine.invoke)
    (known,) = engine.claim()
    engine.invoke.tick(worker, held=[known], started=[known])
    assert states_of("lost") == ["RUNNING"]

    engine.invoke.tick(worker, held=[], started=[])

    assert states_of("lost") == ["WAIT"]
    assert Invocation.objects.get().losses == 0


def test_what_was_stored_without_an_answer_is_no_late_result(engine):
    accept(make_function("twice"))
    (claim,) = engine.claim()

    for _try in range(2):
        engine.settle([(claim, WELL)])

    assert Attempt.objects.get().is_late is False


def test_a_secret_that_cannot_be_read_stops_its_own_function_only(engine):
    accept_three()
    version = Version.objects.filter(pk=latest_of("poisoned").pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE functions_version SET user_data_json = %s WHERE id = %s",
            [b"not a token", version.values_list("pk", flat=True).get()],
        )
        cursor.execute("UPDATE functions_agency SET reach_json = %s", [b"nor this"])

    engine.run()

    assert states_of("good") == ["SUCCESS", "SUCCESS"]
    ended = Invocation.objects.get(function__name="poisoned")
    assert (ended.status, ended.condition) == ("FAIL", "SystemError")
    assert "SecretUnreadable" in ended.error
    assert Delivery.objects.get().attempts == 1


def latest_of(name):
    return Version.objects.defer("user_data_json").get(
        function__name=name, name="latest"
    )


def test_a_lane_that_raises_loses_no_slot(dispatcher, monkeypatch):
    def stumble(item):
        raise RuntimeError("no thread to be had")

    monkeypatch.setattr(dispatcher.lane, "run", stumble)
    accept(make_function("any"))
    dispatcher._step()
    dispatcher._ready.put(None)

    dispatcher._slot()
    dispatcher._step()

    assert Attempt.objects.get().error.endswith("RuntimeError: no thread to be had")
    assert dispatcher._held == {}


def test_a_try_that_cannot_be_stored_ends_as_a_dead_letter(engine, monkeypatch):
    bad = make_function()
    make_config(bad, on_success=make_function("told"))
    accept(bad)
    engine.settle([(claim, WELL) for claim in engine.claim()])
    courier = Dispatcher(engine.deliver, slots=4)
    courier.worker = engine.worker(engine.deliver)
    courier._step()
    real = engine.deliver._settle_one

    def refuse(*told):
        real(*told)
        raise DataError("out of range")

    monkeypatch.setattr(engine.deliver, "_settle_one", refuse)
    courier._step()

    ended = Delivery.objects.get()
    assert (ended.status, ended.worker) == ("FAILED", None)
    assert ended.reason == "Its try could not be stored: DataError: out of range"
    assert states_of("told") == []


def from_driver(kind, cause):
    error = kind(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (FULL, True),
        (OperationalError("database is locked"), True),
        (from_driver(OperationalError, psycopg.errors.DiskFull()), True),
        (from_driver(OperationalError, psycopg.errors.LockNotAvailable()), True),
        (from_driver(OperationalError, psycopg.errors.DeadlockDetected()), True),
        (from_driver(ProgrammingError, psycopg.errors.UndefinedColumn()), True),
        (MemoryError(), True),
        (from_driver(OperationalError, psycopg.errors.ProgramLimitExceeded()), False),
        (from_driver(DataError, psycopg.errors.NumericValueOutOfRange()), False),
        (ProgrammingError("type 'object' is not supported"), False),
        (IntegrityError("CHECK constraint failed"), False),
        (OverflowError("Python int too large"), False),
    ],
)
def test_only_what_the_data_causes_is_held_against_it(error, passes):
    assert troubles.is_passing(error) is passes
