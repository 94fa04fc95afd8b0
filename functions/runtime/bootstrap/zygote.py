"""The zygote: a clean, single-threaded interpreter that forks instances on request.

Messages on its control socket (SOCK_SEQPACKET, JSON):
`{"op": "prepare", "level": …, "root": …}`, once and first, answered by `{"pid": …}`;
`{"op": "fork", "network": …, "uid": …}` with two descriptors, the instance's end of its
channel and of its output pipe, answered by `{"pid": …}` with a pidfd;
`{"op": "collect", "pid": …}`, answered by `{"status": …}`, the exit code in Python's
manner (negative for a signal), with the `memory_kb` and `cpu_seconds` it used; or null
while it lives.
What cannot be done is answered by `{"error": …}`.
The end of the socket ends the zygote and everything that descends from it.
"""

import contextlib
import gc
import json
import os
import random
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from . import kernel, sandbox
from .sandbox import Ground

MAX_MESSAGE_BYTES = 4096
SWEEP_SECONDS = 0.5
POLITE_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_held = threading.local()


@dataclass(frozen=True)
class Born:
    """What a new child has: its channel, and what it is to confine itself with."""

    channel: socket.socket
    ground: Ground


@dataclass
class Family:
    """The instances forked and not yet collected, with the users of their own.

    The user is None where namespaces end everything that an instance has started, and
    where it has none.
    """

    members: dict[int, int | None] = field(default_factory=dict)

    def collect(self, pid: int) -> dict[str, object]:
        """Reap an instance that ended, and whatever it left running."""
        if pid not in self.members:
            return {"status": None}
        ended, raw, used = os.wait4(pid, os.WNOHANG)
        if not ended:
            return {"status": None}
        uid = self.members.pop(pid)
        if uid is not None:
            _kill_all_of(uid)
        self.sweep()
        return {
            "status": os.waitstatus_to_exitcode(raw),
            "memory_kb": used.ru_maxrss,
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }

    def sweep(self) -> None:
        """Kill orphans: a child that was not forked here lost its instance.

        Instances adopt what their descendants leave, so nothing that belongs to a
        living instance ever comes here, however it was detached.
        """
        deadline = time.monotonic() + SWEEP_SECONDS
        while orphans := [pid for pid in _children() if pid not in self.members]:
            for pid in orphans:
                _kill(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > deadline:
                return
            time.sleep(0.001)

    def end(self) -> None:
        """Kill every instance with its group, then what they left."""
        for pid in self.members:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _kill(pid)
        self.members.clear()
        self.sweep()


def serve(control_fd: int, parent: int) -> Born | None:
    """Fork on request. Returns in each child with what it has; None at the end."""
    sandbox.die_with_parent(parent)
    sandbox.adopt_orphans()
    # A service manager signals the whole group; only the pool ends the zygote.
    for number in POLITE_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=control_fd)
    order = json.loads(control.recv(MAX_MESSAGE_BYTES))
    try:
        ground = sandbox.prepare(order["level"], order["root"])
    except OSError as error:
        _answer(control, {"error": error.strerror})
        return None
    gc.collect()
    gc.freeze()
    _answer(control, {"pid": os.getpid()})
    family = Family()
    while True:
        message, fds, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 2)
        if not message:
            family.end()
            return None
        request = json.loads(message)
        if request["op"] == "collect":
            _answer(control, family.collect(request["pid"]))
        elif born := _fork(control, family, ground, request, fds):
            return born


def _fork(
    control: socket.socket,
    family: Family,
    ground: Ground,
    request: dict[str, Any],
    fds: list[int],
) -> Born | None:
    """Fork an instance; returns Born in it and None here."""
    try:
        pid = kernel.fork(ground.namespaces(network=request["network"]))
    except OSError as error:
        _answer(control, {"error": error.strerror})
        pid = -1
    if pid == 0:
        return _settle_in(control, ground, *fds)
    for fd in fds:
        os.close(fd)
    if pid > 0:
        family.members[pid] = None if ground.is_private else request["uid"]
        pidfd = os.pidfd_open(pid)
        _answer(control, {"pid": pid}, [pidfd])
        os.close(pidfd)
    return None


def _settle_in(
    control: socket.socket, ground: Ground, channel_fd: int, output_fd: int
) -> Born:
    os.setsid()
    sandbox.die_with(ground.zygote)
    sandbox.adopt_orphans()
    _outlive_polite_signals()
    control.close()
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    os.close(output_fd)
    # Away from the low numbers, where careless code closes or writes by number.
    wanted = random.SystemRandom().randrange(200, 900)
    moved = wanted if channel_fd != wanted else wanted + 1
    os.dup2(channel_fd, moved, inheritable=False)
    kept = [2, *sorted((moved, ground.zygote)), 65536]
    for lower, upper in pairwise(kept):
        os.closerange(lower + 1, upper)
    return Born(socket.socket(fileno=moved), ground)


def _outlive_polite_signals() -> None:
    """Leave the end of an instance to its pool, which lets a run finish.

    By a handler, because ignoring would be inherited by every program user code
    starts. A copy that user code forks obeys them again, from its first moment.
    """
    for number in POLITE_SIGNALS:
        signal.signal(number, _shrug)
    # Blocked in between: Python forgets a signal that comes while it forks.
    os.register_at_fork(
        before=_hold_signals,
        after_in_parent=_release_signals,
        after_in_child=_obey_signals,
    )


def _shrug(number: int, frame: object) -> None:
    """Do nothing about a signal."""


def _hold_signals() -> None:
    _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, POLITE_SIGNALS)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _held.mask)


def _obey_signals() -> None:
    for number in POLITE_SIGNALS:
        if signal.getsignal(number) is _shrug:
            signal.signal(number, signal.SIG_DFL)
    _release_signals()


def _answer(
    control: socket.socket, message: dict[str, object], fds: list[int] | None = None
) -> None:
    data = json.dumps(message).encode()
    with contextlib.suppress(OSError):
        socket.send_fds(control, [data], fds or [])


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_all_of(uid: int) -> None:
    """Kill every process of a user; as that user, who can reach nobody else."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def _children() -> list[int]:
    """Return the children of this process; the ready-made list is a kernel option."""
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in pids if _parent_of(pid) == me]


def _parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return 0
