"""Turn what user code did into an answer; whatever that was, never raise for it.

An answer is a frame: the header says how the run ended, the body is the text the
caller receives.
"""

import errno
import json
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import codes
from .codes import Kind

OUR_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
MAX_MESSAGE_CHARACTERS = 16 * 1024
FIRST_FRAMES = 10
LAST_FRAMES = 40
JSON = "application/json"
TEXT = "text/plain"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Answer:
    """How one phase of a run ended."""

    kind: Kind = Kind.OK
    code: int = codes.DONE
    body: bytes = b""
    content_type: str = TEXT
    error: str = ""


class HandlerUnfit(Exception):
    """The handler cannot be used; the message says why."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def of_result(result: Any, largest: int) -> Answer:
    """Return the answer for what a handler returned.

    None is empty, a str is itself, all else is JSON in UTF-8 with the characters as
    they are. What JSON has no word for (NaN, bytes, lone surrogates) is refused.
    """
    content_type = TEXT if result is None or isinstance(result, str) else JSON
    try:
        body = _body_of(result)
    except MemoryError:
        raise
    # User code runs here too (a dict's own items()), and may raise anything.
    except BaseException as error:
        message = f"failed to convert the result to a JSON string, err:{_text(error)}"
        return failure(
            Kind.RESULT, codes.NOT_SERIALISABLE, type(error).__name__, message
        )
    if len(body) > largest:
        message = f"response body size {len(body)} exceeds the limit of {largest}"
        return failure(
            Kind.RESULT, codes.RESPONSE_TOO_LARGE, "ResponseTooLarge", message
        )
    return Answer(body=body, content_type=content_type)


def _body_of(result: Any) -> bytes:
    if result is None:
        return b""
    if isinstance(result, str):
        return str.encode(result, "utf-8")
    return json.dumps(result, ensure_ascii=False, allow_nan=False).encode()


def of_error(error: BaseException, kind: Kind, code: int, prefix: str) -> Answer:
    """Return the answer for an exception, and write its traceback to the log."""
    name, message = type(error).__name__, _text(error)
    # Python prints none for sys.exit() either.
    if not isinstance(error, SystemExit):
        print_traceback(error)
    if isinstance(error, HandlerUnfit):
        name = error.error_type
    if isinstance(error, OSError) and error.errno in FULL:
        kind, code = Kind.DISK, codes.DISK_FULL
    if isinstance(error, SyntaxError) and kind is Kind.LOAD:
        prefix = ""
    return failure(kind, code, name, message, prefix=prefix, trace=_frames(error))


def failure(
    kind: Kind,
    code: int,
    error_type: str,
    message: str,
    *,
    prefix: str = "",
    trace: list[str] | None = None,
) -> Answer:
    """Return an answer whose body is the error JSON."""
    body: dict[str, object] = {
        "errorMessage": prefix + message,
        "errorType": error_type,
        "stackTrace": trace or [],
    }
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return Answer(
        kind=kind,
        code=code,
        body=text.encode("utf-8", "backslashreplace"),
        content_type=JSON,
        error=_clean(f"{error_type}: {message}"),
    )


def print_traceback(error: BaseException) -> None:
    """Write the traceback to the log as Python would, without our own frames."""
    try:
        report = traceback.TracebackException.from_exception(error)
        _hide_ours(report)
        text = "".join(report.format())
    except BaseException:
        text = f"{type(error).__name__}: {_text(error)}\n"
    stream = sys.__stderr__
    if stream is not None and not stream.closed:
        stream.write(text)
        stream.flush()


def _hide_ours(report: traceback.TracebackException | None) -> None:
    seen: set[int] = set()
    waiting = [report]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        node.stack = traceback.StackSummary.from_list(_theirs(node.stack))
        waiting += [node.__cause__, node.__context__, *(node.exceptions or [])]


def _frames(error: BaseException) -> list[str]:
    try:
        frames = [
            f'File "{frame.filename}", line {frame.lineno}, in {frame.name}'
            + (f"\n    {frame.line}" if frame.line else "")
            for frame in _theirs(traceback.extract_tb(error.__traceback__))
        ]
    except BaseException:
        return []
    if len(frames) <= FIRST_FRAMES + LAST_FRAMES:
        return frames
    left_out = len(frames) - FIRST_FRAMES - LAST_FRAMES
    return [
        *frames[:FIRST_FRAMES],
        f"… {left_out} frames left out …",
        *frames[-LAST_FRAMES:],
    ]


def _theirs(
    frames: Iterable[traceback.FrameSummary],
) -> list[traceback.FrameSummary]:
    """Return the frames of user code, with paths relative to the code's folder."""
    return [
        _with_short_path(frame)
        for frame in frames
        if not frame.filename.startswith((OUR_FOLDER, "<frozen "))
    ]


def _with_short_path(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    # The line is read now: it is found by the whole path.
    line = frame.line
    root = os.environ.get("RUNTIME_CODE_ROOT", "") + os.sep
    if line is not None and frame.filename.startswith(root):
        frame.filename = frame.filename[len(root) :]
    return frame


def _text(error: BaseException) -> str:
    """Return the exception's message; its `__str__` is user code."""
    if isinstance(error, SystemExit):
        return _clean(f"the code called sys.exit({_code_of(error)})")
    try:
        return _clean(str(error))
    except BaseException:
        return "the exception has no readable message"


def _code_of(error: SystemExit) -> str:
    try:
        return "" if error.code is None else repr(error.code)
    except BaseException:
        return "…"


def _clean(text: str) -> str:
    """Return the text as any database takes it, its first MAX_MESSAGE_CHARACTERS."""
    # By str's own methods: a subclass may come with its own.
    text = str.__getitem__(text, slice(MAX_MESSAGE_CHARACTERS + 1))
    text = str.encode(text, "utf-8", "backslashreplace").decode()
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    return (
        text
        if len(text) <= MAX_MESSAGE_CHARACTERS
        else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"
    )
