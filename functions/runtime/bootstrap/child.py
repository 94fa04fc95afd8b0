"""One instance: loads a function, then runs it as often as it is asked to.

It answers four requests, in this order: `furnish` with the spec as body, `load`,
`initialize`, and `invoke` with the event as body, again and again. Until `load` no user
code has run. The end of the channel ends it.
"""

import contextlib
import io
import json
import os
import site
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import answers, codes, loading, protocol, sandbox
from .answers import Answer
from .codes import Kind
from .context import Context
from .sandbox import Ground
from .zygote import Born

ENTRY = "function entry exception, error: "
INVOCATION = "function invocation exception, error: "
INITIALIZATION = "function initialization exception, error: "


def _unloaded(event: object, context: Context) -> None:
    raise RuntimeError("The instance was called before it was loaded.")


@dataclass
class Child:
    """What the instance holds between requests."""

    ground: Ground
    spec: Mapping[str, Any] = field(default_factory=dict)
    handler: Callable[..., Any] = _unloaded
    state: dict[str, Any] = field(default_factory=dict)

    def answer(self, frame: protocol.Frame) -> Answer:
        """Do what the frame asks for."""
        match frame.header["op"]:
            case "furnish":
                return self._furnish(json.loads(frame.body))
            case "load":
                return self._load()
            case "initialize":
                return self._initialize(frame.header)
            case _:
                return self._invoke(frame.header, frame.body)

    def _furnish(self, spec: Mapping[str, Any]) -> Answer:
        self.spec = spec
        try:
            sandbox.confine(spec, self.ground)
            _furnish(spec)
        except OSError as error:
            # Not the whole text, which names folders of the host.
            message = error.strerror or "unknown"
            return answers.failure(
                Kind.SYSTEM, codes.SYSTEM_ERROR, type(error).__name__, message
            )
        return Answer()

    def _load(self) -> Answer:
        try:
            self.handler = loading.load(self.spec["handler"], self.spec["code_root"])
        except MemoryError:
            raise
        except BaseException as error:
            return answers.of_error(error, Kind.LOAD, codes.ENTRY_EXCEPTION, ENTRY)
        return Answer()

    def _initialize(self, call: Mapping[str, Any]) -> Answer:
        context = self._context(call, self.spec["initializer_timeout"])
        try:
            name = self.spec["initializer_handler"]
            loading.load(name, self.spec["code_root"])(context)
        except MemoryError:
            raise
        except BaseException as error:
            return answers.of_error(
                error, Kind.INIT, codes.INITIALIZER_EXCEPTION, INITIALIZATION
            )
        return Answer()

    def _invoke(self, call: Mapping[str, Any], payload: bytes) -> Answer:
        context = self._context(call, self.spec["timeout"])
        try:
            event = json.loads(payload) if payload else {}
        except (ValueError, RecursionError) as error:
            return answers.failure(
                Kind.CODE,
                codes.ENTRY_EXCEPTION,
                type(error).__name__,
                f"the event is not valid JSON ({error})",
                prefix=ENTRY,
            )
        try:
            result = self.handler(event, context)
        except MemoryError:
            raise
        except BaseException as error:
            return answers.of_error(error, Kind.CODE, codes.USER_EXCEPTION, INVOCATION)
        return answers.of_result(result, self.spec["max_response_bytes"])

    def _context(self, call: Mapping[str, Any], seconds: float) -> Context:
        deadline = time.monotonic() + seconds
        return Context(self.spec, call, deadline=deadline, state=self.state)


def serve(born: Born) -> None:
    """Answer until the channel ends; never returns."""
    instance = os.getpid()
    child = Child(born.ground)
    try:
        while (frame := protocol.read(born.channel)) is not None:
            answer = child.answer(frame)
            _flush()
            # User code may have forked, and its copy come back here.
            if os.getpid() != instance:
                break
            born.channel.sendall(_packed(answer))
    except MemoryError as error:
        # What the frames hold is what filled the memory.
        error.__traceback__ = None
        _flush()
        os._exit(codes.EXIT_OUT_OF_MEMORY)
    finally:
        os._exit(0)


def _packed(answer: Answer) -> bytes:
    header = {
        "kind": answer.kind,
        "code": answer.code,
        "content_type": answer.content_type,
        "error": answer.error,
    }
    return protocol.pack(header, answer.body)


def _furnish(spec: Mapping[str, Any]) -> None:
    """Set up what user code finds: environment, folders, output, `exit()`."""
    os.environ.clear()
    for key, value in spec["environment"].items():
        # A name the system refuses can still be read through the context.
        with contextlib.suppress(OSError, ValueError):
            os.environ[key] = value
    os.chdir(spec["home"])
    sys.path.insert(0, spec["code_root"])
    sys.argv = [spec["handler"]]
    # Many instances share the code folder; none of them is to write into it.
    sys.dont_write_bytecode = True
    # The zygote's own were opened on something else than this pipe.
    sys.stdout = sys.__stdout__ = _stream(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2)  # type: ignore[misc]
    site.setquit()


def _stream(fd: int) -> io.TextIOWrapper:
    """Return a text stream that shows each line at once and refuses no character."""
    return io.TextIOWrapper(
        open(fd, "wb", closefd=False),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def _flush() -> None:
    """Bring all output into the pipe before the answer goes out."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(BaseException):
            if stream is not None:
                stream.flush()
