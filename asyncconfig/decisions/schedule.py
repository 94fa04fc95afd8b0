"""When attempts run: the one rule behind engine, dialog, and tests. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_AGE_SECONDS = 86_400


class Fault(StrEnum):
    """Whose failure an attempt was."""

    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True)
class Policy:
    """How often a request is tried; ages and delays are seconds.

    `user_retries` and `system_retries` count runs after the first. With a
    configuration both are its maximum; without one a user error is final and a
    system error is tried once more. Delays double from `base` up to `cap`.
    """

    user_retries: int
    system_retries: int
    max_age: float
    base: float
    cap: float

    @classmethod
    def configured(
        cls, retries: int, max_age: float, *, base: float, cap: float
    ) -> "Policy":
        return cls(retries, retries, max_age, base, cap)

    @classmethod
    def default(cls, max_age: float, *, base: float, cap: float) -> "Policy":
        return cls(0, 1, max_age, base, cap)

    @classmethod
    def once(cls, max_age: float) -> "Policy":
        """A synchronous call: one run, whatever it comes to."""
        return cls(0, 0, max_age, 0, 0)

    def delay(self, failures: int) -> float:
        """Return the wait after the n-th failure: min(base · 2^(n−1), cap)."""
        return float(min(self.base * 2 ** (failures - 1), self.cap))

    def retries(self, fault: Fault) -> int:
        return self.user_retries if fault is Fault.USER else self.system_retries


@dataclass(frozen=True)
class Retry:
    """Run again, not before `at`."""

    at: datetime


@dataclass(frozen=True)
class GiveUp:
    """No run follows; `aged` when only the validity period forbids it."""

    aged: bool


def next_step(
    policy: Policy,
    *,
    fault: Fault,
    failures: int,
    failed_at: datetime,
    deadline: datetime,
) -> Retry | GiveUp:
    """Say what follows the n-th failed attempt.

    A retry that would start after the deadline is not waited for: the request
    ends now, with its age as the reason.
    """
    if failures > policy.retries(fault):
        return GiveUp(aged=False)
    at = failed_at + timedelta(seconds=policy.delay(failures))
    return GiveUp(aged=True) if at > deadline else Retry(at)


@dataclass(frozen=True)
class Planned:
    """An attempt foreseen when each one fails at once; `start` in seconds."""

    number: int
    start: float
    wait: float
    fits: bool


def plan(policy: Policy) -> list[Planned]:
    """Foresee every attempt, those that the validity period cuts off included."""
    return list(_planned(policy))


def _planned(policy: Policy) -> Iterator[Planned]:
    start = 0.0
    yield Planned(1, 0.0, 0.0, fits=True)
    for failures in range(1, policy.user_retries + 1):
        wait = policy.delay(failures)
        start += wait
        yield Planned(failures + 1, start, wait, fits=start <= policy.max_age)


def smallest_sufficient_age(policy: Policy) -> int | None:
    """Return the shortest validity (s) in which all attempts fit, if one exists.

    It is strictly longer than the last start and, above two minutes, a whole
    number of minutes; at most 86,400.
    """
    last = plan(policy)[-1].start
    age = math.floor(last) + 1
    if age > 120:
        age = math.ceil(age / 60) * 60
    return age if age <= MAX_AGE_SECONDS else None
