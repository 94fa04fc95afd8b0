"""Zygotes as their pool sees them: started, asked to fork, ended."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from functions.runtime.usage import Usage

START = Path(__file__).parent / "bootstrap" / "start.py"
START_SECONDS = 30
ANSWER_SECONDS = 15
END_SECONDS = 5
MAX_MESSAGE_BYTES = 4096


class ZygoteLost(Exception):
    """The zygote ended or does not answer."""


class Unprepared(ZygoteLost):
    """The system does not allow what isolation takes; the message names the step."""


class NotForked(Exception):
    """The system refused another process."""


@dataclass(frozen=True)
class Ended:
    """How an instance ended: its exit code, negative for a signal, and what it used."""

    status: int
    usage: Usage


@dataclass(frozen=True)
class Forked:
    """A new child process: its number, and a descriptor that tells of its end."""

    pid: int
    pidfd: int


def available_runtimes() -> list[str]:
    """Return the names of the runtimes that can run here."""
    return list(_interpreters())


def interpreter_of(runtime: str) -> str | None:
    """Return the program that runs a runtime's code; None where it is not here."""
    return _interpreters().get(runtime)


def _interpreters() -> dict[str, str]:
    # The interpreter below a virtual environment: the environment is the worker's.
    own = getattr(sys, "_base_executable", None) or sys.executable
    return {f"Python{sys.version_info.major}.{sys.version_info.minor}": own}


class Zygote:
    """A running zygote. Requests take turns; it answers each at once."""

    def __init__(self, runtime: str, *, level: int, root: Path) -> None:
        """Start one that confines instances at that level.

        `root` is the folder of the pool's files. Call this on a thread that outlives
        the zygote: the kernel ends it when the *thread* that started it ends. Raises
        ZygoteLost; Unprepared where the level cannot be had.
        """
        self._turn = Lock()
        self._is_lost = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _start(_interpreters()[runtime], theirs.fileno())
        self._control.settimeout(START_SECONDS)
        order = {"op": "prepare", "level": level, "root": str(root)}
        try:
            answer, _ = self._ask(order, [])
            if "error" in answer:
                raise Unprepared(answer["error"])
        except ZygoteLost:
            self.end()
            raise
        self._control.settimeout(ANSWER_SECONDS)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Say whether the zygote still runs and answers."""
        return not self._is_lost and self._process.poll() is None

    def fork(
        self, channel: socket.socket, output: int, *, network: bool, uid: int | None
    ) -> Forked:
        """Fork an instance that has these two; raises ZygoteLost or NotForked.

        `uid` is the user that it will become.
        """
        request = {"op": "fork", "network": network, "uid": uid}
        message, fds = self._ask(request, [channel.fileno(), output])
        if "error" in message:
            raise NotForked(message["error"])
        return Forked(message["pid"], fds[0])

    def collect(self, pid: int) -> Ended | None:
        """Return how an instance ended; None if it has not, or nobody knows."""
        try:
            message, _ = self._ask({"op": "collect", "pid": pid}, [])
        except ZygoteLost:
            return None
        if message["status"] is None:
            return None
        usage = Usage(message["memory_kb"] / 1024, message["cpu_seconds"])
        return Ended(message["status"], usage)

    def end(self) -> None:
        """End the zygote and everything that descends from it."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._turn:
            self._control.close()

    def _ask(
        self, message: dict[str, object], fds: list[int]
    ) -> tuple[dict[str, Any], list[int]]:
        with self._turn:
            try:
                socket.send_fds(self._control, [json.dumps(message).encode()], fds)
            except OSError as error:
                self._is_lost = True
                raise ZygoteLost from error
            return self._receive()

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        try:
            answer, fds, _, _ = socket.recv_fds(
                self._control, MAX_MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            # An answer that comes later would be taken for that to another request.
            self._is_lost = True
            self._process.kill()
            raise ZygoteLost from error
        if not answer:
            self._is_lost = True
            raise ZygoteLost
        message: dict[str, Any] = json.loads(answer)
        return message, fds


def _start(interpreter: str, control: int) -> subprocess.Popen[bytes]:
    """Start the interpreter with an empty environment and no site packages."""
    command = [interpreter, "-I", "-S", "-X", "utf8", str(START)]
    # The command is ours from end to end.
    return subprocess.Popen(
        [*command, str(control), str(os.getpid())],
        env={},
        cwd="/",
        umask=0o022,  # The usual one: our own is none of the functions' business.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[control],
        start_new_session=True,
    )


class Zygotes:
    """One zygote per runtime, each replaced when it is gone.

    They are started by a thread of this object's, because a zygote ends with the
    thread that started it, and those that ask for one may be short-lived.
    """

    def __init__(self, *, level: int, root: Path) -> None:
        self._level = level
        self._root = root
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zygote-starter")
        self._started: dict[str, Zygote] = {}

    def get(self, runtime: str) -> Zygote:
        """Return the living zygote of a runtime; raises ZygoteLost or OSError."""
        zygote = self._started.get(runtime)
        if zygote is not None and zygote.is_alive():
            return zygote
        future: Future[Zygote] = self._thread.submit(self._replace, runtime)
        return future.result()

    def _replace(self, runtime: str) -> Zygote:
        zygote = self._started.get(runtime)
        if zygote is not None and zygote.is_alive():
            return zygote
        if zygote is not None:
            zygote.end()
        zygote = Zygote(runtime, level=self._level, root=self._root)
        self._started[runtime] = zygote
        return zygote

    def close(self) -> None:
        """End them all."""
        self._thread.submit(self._end_all).result()
        self._thread.shutdown()

    def _end_all(self) -> None:
        for zygote in self._started.values():
            zygote.end()
        self._started.clear()
