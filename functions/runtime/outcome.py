"""What one run came to."""

import json
from dataclasses import dataclass

from functions.runtime.bootstrap import codes
from functions.runtime.bootstrap.codes import Kind

__all__ = ["Kind", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What one run came to; `code` is 0 when it went well (docs/reference/endings.md).

    `result` is the body for the caller: the text of what the handler returned, or the
    error JSON when user code failed, or nothing when it was lost, cancelled or could
    not be run. `error` is `Type: message`. `cold` says that an instance was started
    for it; `started`, that user code had begun, so that the run counts as an attempt.
    """

    kind: Kind
    code: int = codes.DONE
    result: bytes = b""
    content_type: str = "text/plain"
    error: str = ""
    log: bytes = b""
    log_truncated: bool = False
    duration_ms: float = 0.0
    init_ms: float = 0.0
    memory_mb: float = 0.0
    cold: bool = False
    instance: str = ""
    started: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.kind is Kind.OK


def failed(kind: Kind, code: int, error_type: str, message: str) -> Outcome:
    """Return the outcome of a run that the user's code is to answer for."""
    body = {"errorMessage": message, "errorType": error_type, "stackTrace": []}
    return Outcome(
        kind=kind,
        code=code,
        result=json.dumps(body, indent=2, ensure_ascii=False).encode(
            "utf-8", "backslashreplace"
        ),
        content_type="application/json",
        error=f"{error_type}: {message}",
    )


def not_run(message: str) -> Outcome:
    """Return the outcome of a run that could not even begin, by no one's code."""
    return Outcome(kind=Kind.SYSTEM, code=codes.SYSTEM_ERROR, error=message)


def cancelled() -> Outcome:
    """Return the outcome of a run somebody stopped."""
    return Outcome(
        kind=Kind.CANCELLED,
        code=codes.CANCELLED,
        error="function invocation canceled",
    )


def lost(message: str) -> Outcome:
    """Return the outcome of a run whose instance went away, by no one's code."""
    return Outcome(kind=Kind.LOST, code=codes.INSTANCE_LOST, error=message)
