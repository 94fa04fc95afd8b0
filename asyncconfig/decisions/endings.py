"""How requests end: one table for engine, pages, API and tests. Pure."""

from dataclasses import dataclass
from enum import StrEnum

SYSTEM_ERROR = 330404
AGED = 200408
CANCELLED = 4208
UNAVAILABLE = 150434
LOOP = 200429


class Condition(StrEnum):
    """What a record's `request_context.condition` says (guide, table 2)."""

    SUCCESS = ""
    UNHANDLED = "UnhandledInvocationError"
    SYSTEM = "SystemError"
    AGED = "EventAgeExceeded"
    CANCELLED = "Cancelled"
    UNAVAILABLE = "FunctionUnavailable"
    LOOP = "LoopDetected"


class Cause(StrEnum):
    """Why a request ended as it did, beyond its condition; shown on pages."""

    NONE = ""
    CODE = "code"
    TIMEOUT = "timeout"
    INIT = "init"
    LOAD = "load"
    MEMORY = "memory"
    DISK = "disk"
    RESULT = "result"
    SYSTEM = "system"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Ending:
    """A final state; `status_code` other than 200 means a system error (guide)."""

    status: str
    condition: Condition
    error_code: int
    status_code: int
    error: str
    cause: Cause = Cause.NONE


def succeeded() -> Ending:
    return Ending("SUCCESS", Condition.SUCCESS, 0, 200, "")


def user_error(cause: Cause, *, code: int, error: str) -> Ending:
    return Ending("FAIL", Condition.UNHANDLED, code, 200, error, cause)


def system_error(error: str, *, cause: Cause = Cause.SYSTEM) -> Ending:
    return Ending("FAIL", Condition.SYSTEM, SYSTEM_ERROR, 500, error, cause)


def aged_after_failure(cause: Cause, *, code: int, error: str) -> Ending:
    """The next start would be past the deadline; it ran before."""
    return Ending("FAIL", Condition.AGED, code, 200, error, cause)


def aged(*, age: float, limit: float) -> Ending:
    """The deadline passed and it never ran; both times are seconds."""
    error = (
        f"The request waited {age:.1f} s; its validity period of {limit:.0f} s is over."
    )
    return Ending("DISCARD", Condition.AGED, AGED, 500, error)


def cancelled(by: str, *, ran: bool) -> Ending:
    error = f"Cancelled by {by}." if by else "Cancelled."
    return Ending("FAIL", Condition.CANCELLED, CANCELLED, 200 if ran else 500, error)


def unavailable(what: str) -> Ending:
    """`what` names the function or version and says deleted or disabled."""
    return Ending("DISCARD", Condition.UNAVAILABLE, UNAVAILABLE, 500, what)


def loop_stopped(path: str) -> Ending:
    return Ending("DISCARD", Condition.LOOP, LOOP, 500, path)
