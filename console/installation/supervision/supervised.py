"""One supervised process: its log, its restarts, its end."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

TETHER = str(Path(__file__).with_name("tether.py"))
FIRST_PAUSE, MAX_PAUSE_SECONDS = 0.1, 5.0
STABLE_SECONDS = 10.0
LOG_BYTES, LOG_FILES = 5 * 1024 * 1024, 3


class SupervisedProcess:
    """A process in a session of its own that is started again when it dies."""

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], logs: Path
    ) -> None:
        self.name = name
        self._command = list(command)
        self._env = dict(env)
        self._log = _rotating(name, logs)
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = FIRST_PAUSE
        self._started = 0.0
        self._again_at = 0.0

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process; must be called from the main thread (see tether).

        Raises OSError or RuntimeError where the machine has no room for it.
        """
        self._started = time.monotonic()
        self._process = None  # Its number may be another's by now.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", TETHER, str(os.getpid()), *self._command],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(
            target=self._pump, args=(self._process.stdout,), daemon=True
        ).start()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look_after(self) -> None:
        """Start the process again when it has died and its pause is over.

        It is tried again and again, the pauses growing to 5 s.
        """
        if self.is_running():
            return
        now = time.monotonic()
        if not self._again_at:
            if now - self._started > STABLE_SECONDS:
                self._pause = FIRST_PAUSE
            self._again_at = now + self._pause
            self._pause = min(self._pause * 2, MAX_PAUSE_SECONDS)
            self._log.info("%s ended; it is started again.", self.name)
            self.signal(signal.SIGKILL)  # What it left behind in its session.
        elif now >= self._again_at:
            self._again_at = 0.0
            self._start_again()

    def _start_again(self) -> None:
        """Start the process; where that fails, the next pause begins."""
        try:
            self.start()
        except (OSError, RuntimeError) as error:
            self._log.error("%s could not be started: %s", self.name, error)
            self._kill()

    def _kill(self) -> None:
        """End a process that has nobody to read its output."""
        self.signal(signal.SIGKILL)
        if self._process and self._process.stdout:
            self._process.stdout.close()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and all of its session."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def terminate(self) -> None:
        """Ask the process to end; its own children are its own matter."""
        if self.is_running() and self._process is not None:
            self._process.terminate()

    def _pump(self, output: IO[bytes]) -> None:
        """Copy output to the log; a full disk must not block the child."""
        with output:
            for line in output:
                self._log.info("%s", line.decode("utf-8", "replace").rstrip("\n"))


def _rotating(name: str, logs: Path) -> logging.Logger:
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        logs / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES
    )
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    logger = logging.getLogger(f"console.child.{name}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers[:] = [handler]
    return logger
