"""One run on one instance, from the first request to its Outcome."""

import json
import signal
import time
from dataclasses import dataclass, replace

from functions.runtime import answer
from functions.runtime.bootstrap import codes, protocol
from functions.runtime.bootstrap.codes import Kind
from functions.runtime.bootstrap.protocol import FrameRefused
from functions.runtime.channel import Died, Overdue
from functions.runtime.instance import Instance
from functions.runtime.log import Log, billed_part, finish_line
from functions.runtime.oom import OomWatch
from functions.runtime.outcome import Outcome, failed, lost, not_run
from functions.runtime.spec import Call

# How long a child that closed its channel may take to end.
END_SECONDS = 1.0
# These ends leave the instance as good as it was.
HARMLESS = {Kind.OK, Kind.CODE, Kind.RESULT, Kind.DISK}
LIMIT_ANSWERS = {
    "furnish": "setting it up took more than {:g}s",
    "load": "loading the code took more than {:g}s",
    "initialize": "function initialization timeout {:g}s",
    "invoke": "call invoke timeout {:g}s",
}


class NeverBegan(Exception):
    """The instance ended before it read the request; another may take it.

    `outcome` is what the run comes to if none does.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(frozen=True)
class Phase:
    """How one phase ended: the outcome as far as it is known, and its measures."""

    outcome: Outcome
    milliseconds: float
    cpu_seconds: float = 0.0


class Execution:
    """Runs a call on an instance, which it loads first if it is new."""

    def __init__(
        self,
        instance: Instance,
        call: Call,
        log: Log,
        *,
        load_seconds: float,
        oom: OomWatch,
    ) -> None:
        self._instance = instance
        self._spec = instance.spec
        self._call = call
        self._log = log
        self._load_seconds = load_seconds
        self._oom = oom
        self._has_answered = False
        self._has_loaded = False

    @property
    def is_reusable(self) -> bool:
        """Whether the instance may serve another call."""
        return self._has_answered and self._instance.is_loaded

    def run(self) -> Outcome:
        """Run; raises only NeverBegan."""
        init_ms = 0.0
        if not self._instance.is_loaded:
            phase = self._prepare()
            init_ms = phase.milliseconds
            if not phase.outcome.ok:
                return self._complete(phase.outcome, init_ms=init_ms, cold=True)
        phase = self._do("invoke", self._call.payload, self._spec.timeout)
        return self._complete(
            phase.outcome,
            duration_ms=phase.milliseconds,
            init_ms=init_ms,
            cold=init_ms > 0,
        )

    def _prepare(self) -> Phase:
        """Set the instance up, load the code and call its initializer."""
        phase = self._furnish()
        took = phase.milliseconds
        if phase.outcome.ok:
            phase = self._do("load", b"", self._load_seconds)
            took += phase.milliseconds
            self._has_loaded = True
        if phase.outcome.ok and self._spec.initializer_handler:
            phase = self._do("initialize", b"", self._spec.initializer_timeout)
            took += phase.milliseconds
        self._instance.is_loaded = phase.outcome.ok
        return replace(phase, milliseconds=took)

    def _furnish(self) -> Phase:
        """Have the child set itself up; what fails before user code is ours."""
        description = json.dumps(self._instance.description()).encode()
        began = time.monotonic()
        outcome = self._ask("furnish", description, self._load_seconds)
        if not outcome.ok:
            outcome = not_run(f"No instance could be set up: {outcome.error}")
        return Phase(outcome, (time.monotonic() - began) * 1000)

    def _do(self, what: str, body: bytes, seconds: float) -> Phase:
        request_id = self._call.request_id
        version = f", version: {self._spec.version}" if what == "invoke" else ""
        self._log.line(f"Start {what} request '{request_id}'{version}")
        began, cpu_before = time.monotonic(), self._instance.cpu_seconds()
        outcome = self._ask(what, body, seconds)
        milliseconds = (time.monotonic() - began) * 1000
        used = self._instance.usage()
        phase = Phase(
            replace(outcome, memory_mb=used.memory_mb),
            milliseconds,
            max(used.cpu_seconds - cpu_before, 0.0),
        )
        self._log.line(
            finish_line(
                what,
                request_id,
                failed=not outcome.ok,
                duration_ms=phase.milliseconds,
                memory_mb=used.memory_mb,
                billed=self._billed(phase) if what == "invoke" else "",
            )
        )
        return phase

    def _billed(self, phase: Phase) -> str:
        seconds = max(phase.milliseconds / 1000, 1e-6)
        return billed_part(
            self._spec.memory_mb,
            phase.cpu_seconds / seconds,
            self._instance.storage_mb(),
        )

    def _ask(self, what: str, body: bytes, seconds: float) -> Outcome:
        """Have the child do one thing; return how that ended."""
        header = {
            "op": what,
            "request_id": self._call.request_id,
            "alias": self._call.alias,
            "tenant_id": self._call.tenant_id,
        }
        self._has_answered = False
        try:
            frame = self._instance.exchange(
                protocol.pack(header, body), seconds, self._log
            )
            outcome = answer.read(frame, what, largest=self._spec.max_response_bytes)
        except Overdue:
            return self._overdue(what, seconds)
        except Died as death:
            ending = self._death(what)
            if self._never_began(what, death):
                outcome = self._complete(ending, init_ms=0, cold=False)
                raise NeverBegan(outcome) from death
            return ending
        except FrameRefused as error:
            return failed(
                Kind.RESULT, codes.NOT_SERIALISABLE, "AnswerRefused", str(error)
            )
        self._has_answered = outcome.kind in HARMLESS
        return outcome

    def _never_began(self, what: str, death: Died) -> bool:
        """Say whether an instance ended by no code of this run.

        Code that it has loaded for this run can end it at any moment, on purpose
        before the request is read: that is its failure, and no reason to try another.
        """
        return not self._has_loaded and (death.unread or what == "furnish")

    def _overdue(self, what: str, seconds: float) -> Outcome:
        # While there is something to measure.
        self._instance.usage()
        self._instance.kill()
        kind, code = {
            "furnish": (Kind.SYSTEM, codes.SYSTEM_ERROR),
            "load": (Kind.LOAD, codes.INITIALIZER_TIMED_OUT),
            "initialize": (Kind.INIT, codes.INITIALIZER_TIMED_OUT),
            "invoke": (Kind.TIMEOUT, codes.TIMED_OUT),
        }[what]
        message = LIMIT_ANSWERS[what].format(seconds)
        return failed(kind, code, "FunctionTimeoutError", message)

    def _death(self, what: str) -> Outcome:
        """Say what the end of the process means.

        Code can end its own process in every way, by SIGKILL too. So it is lost only
        where something else says so: the kernel's count of victims, or the end of the
        zygote.
        """
        status = self._instance.status(END_SECONDS)
        if what == "furnish":
            return not_run("No instance could be set up: its process ended.")
        kind, code = {
            "load": (Kind.LOAD, codes.ENTRY_EXCEPTION),
            "initialize": (Kind.INIT, codes.INITIALIZER_EXCEPTION),
            "invoke": (Kind.CODE, codes.USER_EXCEPTION),
        }[what]
        is_out_of_memory = self._instance.has_run_out_of_memory()
        if status == codes.EXIT_OUT_OF_MEMORY or is_out_of_memory:
            return failed(
                Kind.MEMORY,
                codes.OUT_OF_MEMORY,
                "MemoryError",
                "runtime memory limit exceeded",
            )
        if status == -signal.SIGKILL and self._oom.has_struck():
            return lost("The host ran out of memory and killed the instance.")
        if status is None and self._instance.has_ended():
            return lost("The instance ended with all the others.")
        return failed(kind, code, "ProcessExited", _words(status))

    def _complete(
        self,
        outcome: Outcome,
        *,
        init_ms: float,
        cold: bool,
        duration_ms: float = 0.0,
    ) -> Outcome:
        return replace(
            outcome,
            duration_ms=duration_ms,
            init_ms=init_ms,
            cold=cold,
            instance=self._instance.id,
            started=outcome.kind is not Kind.SYSTEM,
            log=self._log.contents(),
            log_truncated=self._log.is_truncated,
        )


def _words(status: int | None) -> str:
    if status is None:
        return "the code closed the connection to its runtime"
    if status >= 0:
        return f"the process exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = str(-status)
    return f"the process was ended by signal {name}"
