"""The pool of warm instances: who runs, who waits, who goes."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Condition

from functions.runtime.bootstrap import codes
from functions.runtime.bootstrap.codes import Kind
from functions.runtime.codestore import Code, UnpackingFailed, prune, unpack
from functions.runtime.execution import Execution, NeverBegan
from functions.runtime.folder import Home
from functions.runtime.instance import Instance
from functions.runtime.isolation import HIGHEST, Isolation
from functions.runtime.log import Log
from functions.runtime.oom import OomWatch
from functions.runtime.outcome import Outcome, cancelled, failed, lost, not_run
from functions.runtime.spec import Call, Spec
from functions.runtime.trial import make_cells
from functions.runtime.users import USERS
from functions.runtime.watch import MemoryWatch
from functions.runtime.zygotes import (
    NotForked,
    ZygoteLost,
    Zygotes,
    available_runtimes,
)

# An instance may end just as it is given a call; this often another one is taken.
TRIES = 3

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Run:
    """A call in progress; `fate` is the outcome it gets whatever its code does."""

    request_id: str
    instance: Instance | None = None
    fate: Outcome | None = None


@dataclass
class Idle:
    """A warm instance, waiting since a moment of the monotonic clock."""

    instance: Instance
    since: float = field(default_factory=time.monotonic)


class Pool:
    """Runs calls, keeping instances warm; safe to use from many threads.

    Instances are killed at once where they must not go on; their remains are
    collected by a thread of the pool's own.
    """

    def __init__(
        self,
        *,
        root: Path,
        idle_seconds: float = 60,
        memory_budget_mb: int = 2048,
        log_limit: int = 256 * 1024,
        load_seconds: float = 30,
        code_limit: int = 1500 * 1024 * 1024,
        highest_level: int = HIGHEST,
        users: str = USERS,
        use_cgroups: bool = True,
    ) -> None:
        """Keep code and scratch folders under `root`, which pools may share.

        `memory_budget_mb` bounds the memory sizes of all instances, as far as idle
        ones can make room. Sizes of logs and unpacked code are in bytes. Instances are
        isolated as well as this host allows, up to a level; as root each becomes one of
        the `users`. Raises ValueError for a range that is none.
        """
        self._idle_seconds = idle_seconds
        self._memory_budget_mb = memory_budget_mb
        self._log_limit = log_limit
        self._load_seconds = load_seconds
        self._code_limit = code_limit
        root = root.resolve()
        self._store = root / "code"
        self._home = Home(root)
        self._cells = make_cells(
            root, self._home, highest_level, users, use_cgroups=use_cgroups
        )
        self._zygotes = Zygotes(level=self.isolation.level, root=root)
        self._oom = OomWatch()
        self._remover = ThreadPoolExecutor(1, thread_name_prefix="instance-remover")
        # Guards everything below, and that nobody kills what is already collected.
        self._changed = Condition()
        self._runs: set[Run] = set()
        # The longest idle first.
        self._idle: list[Idle] = []
        self._is_closed = False
        has_groups = self.isolation.cgroups
        self._watch = None if has_groups else MemoryWatch(self._instances)

    @property
    def isolation(self) -> Isolation:
        """How instances are confined here."""
        return self._cells.isolation

    def invoke(self, spec: Spec, call: Call) -> Outcome:
        """Run a call and wait for its end; whatever user code does is an Outcome."""
        run = Run(call.request_id)
        with self._changed:
            if self._is_closed:
                return not_run("This worker is stopping.")
            self._runs.add(run)
        try:
            return self._invoke(spec, call, run)
        finally:
            with self._changed:
                self._runs.discard(run)
                self._changed.notify_all()

    def cancel(self, request_id: str) -> bool:
        """Stop the runs of a request now; False when none is running here."""
        return self._doom(lambda run: run.request_id == request_id, cancelled())

    def _instances(self) -> list[Instance]:
        with self._changed:
            busy = [run.instance for run in self._runs if run.instance]
            return busy + [item.instance for item in self._idle]

    def kill_all(self) -> None:
        """Kill all instances at once; calls in progress end as lost."""
        fate = lost("All instances of the worker were killed.")
        self._doom(lambda run: True, fate)
        with self._changed:
            idle, self._idle = self._idle, []
            for item in idle:
                item.instance.kill()
        for item in idle:
            self._remove(item.instance)

    def reap(self) -> None:
        """Let go of instances idle for too long, dead, or over the memory budget."""
        self._oom.has_struck()
        oldest = time.monotonic() - self._idle_seconds
        with self._changed:
            gone = [
                item
                for item in self._idle
                if item.since < oldest or not item.instance.is_ready()
            ]
            self._idle = [item for item in self._idle if item not in gone]
        for item in gone:
            self._remove(item.instance)
        self._make_room(0)

    def prune(self, needed: Callable[[], set[str]]) -> None:
        """Let go of unpacked code that nobody uses; see codestore.prune."""
        prune(self._store, self._home.trash, needed=needed)

    def close(self) -> None:
        """End everything: calls in progress as lost, all processes, all folders."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
        self.kill_all()
        with self._changed:
            self._changed.wait_for(lambda: not self._runs)
        if self._watch:
            self._watch.close()
        self._remover.shutdown()
        self._zygotes.close()
        if self._cells.cgroups:
            self._cells.cgroups.close()
        self._home.close()

    # One call.

    def _invoke(self, spec: Spec, call: Call, run: Run) -> Outcome:
        outcome = not_run("No instance could be started.")
        for _ in range(TRIES):
            try:
                instance = self._take(spec) or self._start(spec)
            except UnpackingFailed as error:
                return failed(
                    Kind.LOAD, codes.ENTRY_EXCEPTION, "FunctionLoadError", str(error)
                )
            except (ZygoteLost, NotForked, OSError) as error:
                logger.warning("No instance for %s: %r", spec.function, error)
                return not_run(_sentence(error))
            except UnknownRuntime as error:
                return not_run(str(error))
            try:
                return self._attempt(instance, call, run)
            except NeverBegan as death:
                outcome = death.outcome
                if run.fate:
                    return run.fate
        return outcome

    def _attempt(self, instance: Instance, call: Call, run: Run) -> Outcome:
        """Run on that instance, then keep it or let it go."""
        log = Log(self._log_limit)
        attempt = Execution(
            instance, call, log, load_seconds=self._load_seconds, oom=self._oom
        )
        outcome = None
        try:
            with self._changed:
                run.instance = instance
                is_doomed = run.fate is not None
            if not is_doomed:
                outcome = attempt.run()
        finally:
            is_good = outcome is not None and attempt.is_reusable
            self._part(run, instance, is_good=is_good, is_over=outcome is not None)
        return _ended(outcome, run.fate)

    def _part(
        self, run: Run, instance: Instance, *, is_good: bool, is_over: bool
    ) -> None:
        """Keep the instance for the next call, or let it go."""
        with self._changed:
            run.instance = None
            if is_over:
                # From here on nobody can say that it was cancelled.
                self._runs.discard(run)
            is_kept = is_good and not run.fate and not self._is_closed
            if is_kept:
                self._idle.append(Idle(instance))
            self._changed.notify_all()
        if not is_kept:
            self._remove(instance)

    def _take(self, spec: Spec) -> Instance | None:
        """Return the warm instance of that key that was used last."""
        dead = []
        try:
            with self._changed:
                for item in reversed(self._idle):
                    if item.instance.spec != spec:
                        continue
                    self._idle.remove(item)
                    if item.instance.is_ready():
                        return item.instance
                    dead.append(item.instance)
            return None
        finally:
            for instance in dead:
                self._remove(instance)

    def _start(self, spec: Spec) -> Instance:
        if spec.runtime not in available_runtimes():
            raise UnknownRuntime(spec.runtime)
        code = unpack(
            spec, self._store, parts=self._home.path(), largest=self._code_limit
        )
        try:
            self._make_room(spec.memory_mb)
            return self._start_from(code, spec)
        except BaseException:
            code.release()
            raise

    def _start_from(self, code: Code, spec: Spec) -> Instance:
        try:
            zygote = self._zygotes.get(spec.runtime)
            return Instance(spec, zygote, self._cells, code)
        except ZygoteLost:
            # It ended just now; one that ends twice is a trouble of the host's.
            zygote = self._zygotes.get(spec.runtime)
            return Instance(spec, zygote, self._cells, code)

    # Letting go.

    def _doom(self, is_meant: Callable[[Run], bool], fate: Outcome) -> bool:
        """Give runs their outcome and kill their instances."""
        with self._changed:
            meant = [run for run in self._runs if is_meant(run)]
            for run in meant:
                run.fate = run.fate or fate
                if run.instance:
                    run.instance.kill()
        return bool(meant)

    def _make_room(self, needed_mb: int) -> None:
        """Let idle instances go, the longest idle first, to stay in the budget."""
        gone = []
        with self._changed:
            busy = [run.instance for run in self._runs if run.instance]
            used = sum(instance.spec.memory_mb for instance in busy) + sum(
                item.instance.spec.memory_mb for item in self._idle
            )
            while self._idle and used + needed_mb > self._memory_budget_mb:
                gone.append(self._idle.pop(0).instance)
                used -= gone[-1].spec.memory_mb
        for instance in gone:
            self._remove(instance)

    def _remove(self, instance: Instance) -> None:
        try:
            self._remover.submit(_dispose, instance)
        except RuntimeError:
            # The pool was closed meanwhile, and its thread with it.
            _dispose(instance)


class UnknownRuntime(Exception):
    """This host does not have the function's runtime."""

    def __init__(self, runtime: str) -> None:
        offered = ", ".join(available_runtimes())
        super().__init__(
            f"The runtime {runtime} is not available on this worker; it has {offered}."
        )


def _sentence(error: Exception) -> str:
    """Say why no instance could be started; without the folders of this host."""
    if isinstance(error, ZygoteLost):
        return "No instance could be started: the runtime does not answer."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"No instance could be started: {reason}."


def _dispose(instance: Instance) -> None:
    try:
        instance.dispose()
    except Exception:
        logger.exception("Instance %s could not be removed.", instance.id)


def _ended(outcome: Outcome | None, fate: Outcome | None) -> Outcome:
    """Return how a run ended; its fate decides, but what was measured stays."""
    if fate is None:
        return outcome or lost("The run did not begin.")
    if outcome is None:
        return fate
    return replace(
        outcome,
        kind=fate.kind,
        code=fate.code,
        result=fate.result,
        content_type=fate.content_type,
        error=fate.error,
        started=True,
    )
