"""What a child answers, judged where it is read.

The socket is in user code's hands, so an answer is no more than what that code says
of itself: that it went well, or that it failed. How a run ended otherwise (stopped,
lost, out of time) and what it used is seen from outside.
"""

from typing import Any, TypeGuard

from functions.runtime.bootstrap import answers, codes
from functions.runtime.bootstrap.codes import Kind
from functions.runtime.bootstrap.protocol import Frame, FrameRefused
from functions.runtime.outcome import Outcome

WELL = (Kind.OK, codes.DONE)
# Raised in user code by the system; nothing depends on it but the words.
FULL = (Kind.DISK, codes.DISK_FULL)
# How each operation may end by the child's own word.
ENDS = {
    # No user code has run yet, so that here the platform's own may speak.
    "furnish": {WELL, (Kind.SYSTEM, codes.SYSTEM_ERROR)},
    "load": {WELL, FULL, (Kind.LOAD, codes.ENTRY_EXCEPTION)},
    "initialize": {WELL, FULL, (Kind.INIT, codes.INITIALIZER_EXCEPTION)},
    "invoke": {
        WELL,
        FULL,
        (Kind.CODE, codes.ENTRY_EXCEPTION),
        (Kind.CODE, codes.USER_EXCEPTION),
        (Kind.RESULT, codes.RESPONSE_TOO_LARGE),
        (Kind.RESULT, codes.NOT_SERIALISABLE),
    },
}
CONTENT_TYPES = (answers.TEXT, answers.JSON)


def read(frame: Frame, what: str, *, largest: int) -> Outcome:
    """Return what the child says of the operation `what`.

    Every field is one that can be stored: a known kind and code, text without NUL and
    surrogates. `largest` bounds a result, in bytes. Raises FrameRefused for an answer
    that the runtime itself would never give.
    """
    header: Any = frame.header
    if not isinstance(header, dict):
        raise FrameRefused("The code answered for the runtime, in no readable form.")
    kind, code, error = header.get("kind"), header.get("code"), header.get("error")
    # 4001.0 and True are equal to whole numbers, and are none.
    if not (isinstance(kind, str) and type(code) is int and (kind, code) in ENDS[what]):
        raise FrameRefused(
            "The code answered for the runtime, and may not say how a run ends."
        )
    content_type = header.get("content_type")
    if not _is_text(error) or content_type not in CONTENT_TYPES:
        raise FrameRefused("The code answered for the runtime, in no readable form.")
    if kind == Kind.OK and len(frame.body) > largest:
        raise FrameRefused("The answer of the code is too large.")
    return Outcome(
        kind=Kind(kind),
        code=code,
        result=frame.body,
        content_type=content_type,
        error=error,
    )


def _is_text(value: object) -> TypeGuard[str]:
    """Say whether it is text as long as the runtime's own, that any database takes."""
    if not isinstance(value, str) or len(value) > answers.MAX_MESSAGE_CHARACTERS:
        return False
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False
