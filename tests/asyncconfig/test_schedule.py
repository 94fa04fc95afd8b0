"""When attempts run."""

from datetime import UTC, datetime, timedelta

import pytest

from asyncconfig.decisions import schedule
from asyncconfig.decisions.schedule import Fault, GiveUp, Policy, Retry

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def policy(retries=3, age=3600, base=10, cap=600):
    return Policy.configured(retries, age, base=base, cap=cap)


@pytest.mark.parametrize(
    ("failures", "expected"), [(1, 10), (2, 20), (3, 40), (7, 600), (30, 600)]
)
def test_delay_doubles_up_to_the_cap(failures, expected):
    assert policy().delay(failures) == expected


@pytest.mark.parametrize(
    ("given", "failures", "fault", "left", "expected"),
    [
        (policy(0), 1, Fault.USER, 3600, GiveUp(aged=False)),
        (policy(2), 2, Fault.USER, 3600, Retry(NOW + timedelta(seconds=20))),
        (policy(2), 3, Fault.SYSTEM, 3600, GiveUp(aged=False)),
        (policy(3), 1, Fault.USER, 9.9, GiveUp(aged=True)),
        (policy(3), 1, Fault.USER, 10, Retry(NOW + timedelta(seconds=10))),
        (
            Policy.default(3600, base=10, cap=600),
            1,
            Fault.USER,
            3600,
            GiveUp(aged=False),
        ),
        (
            Policy.default(3600, base=10, cap=600),
            1,
            Fault.SYSTEM,
            3600,
            Retry(NOW + timedelta(seconds=10)),
        ),
        (Policy.once(90), 1, Fault.SYSTEM, 90, GiveUp(aged=False)),
    ],
)
def test_next_step_retries_until_spent_or_old(given, failures, fault, left, expected):
    step = schedule.next_step(
        given,
        fault=fault,
        failures=failures,
        failed_at=NOW,
        deadline=NOW + timedelta(seconds=left),
    )

    assert step == expected


@pytest.mark.parametrize(
    ("retries", "age", "starts", "fits"),
    [
        (0, 3600, [0], [True]),
        (3, 1, [0, 10, 30, 70], [True, False, False, False]),
        (3, 60, [0, 10, 30, 70], [True, True, True, False]),
        (3, 70, [0, 10, 30, 70], [True, True, True, True]),
        (3, 71, [0, 10, 30, 70], [True, True, True, True]),
        (3, 86400, [0, 10, 30, 70], [True, True, True, True]),
    ],
)
def test_plan_marks_what_the_validity_cuts_off(retries, age, starts, fits):
    planned = schedule.plan(policy(retries, age))

    assert [one.start for one in planned] == starts
    assert [one.fits for one in planned] == fits


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (policy(3, 60), 71),
        (policy(0, 60), 1),
        (policy(3, 60, base=60), 480),
        (policy(3, 60, base=20_000, cap=40_000), None),
    ],
)
def test_smallest_sufficient_age(given, expected):
    assert schedule.smallest_sufficient_age(given) == expected
