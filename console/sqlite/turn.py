"""A turn at writing to a SQLite file: the kernel's fair queue, but with a time-out."""

import _thread
import ctypes
import errno
import fcntl
import os
import signal
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from types import FrameType

from django.db import OperationalError

# How exact a time-out is, in seconds.
TICK = 0.1
# Nobody else sends it, and where nobody listens it is ignored.
WAKE = signal.SIGURG
# The standard library's flock goes back to waiting when a signal comes.
libc = ctypes.CDLL(None, use_errno=True)


class NoTurn(OperationalError):
    """The turn did not come in time; nothing was written."""


class Turn:
    """One connection's place in the queue; used by one thread at a time.

    The kernel wakes those who wait for an flock in the order they came, but has no
    time-out for it: only a signal ends the wait, see `Alarm`.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._close_file = weakref.finalize(self, os.close, self._file)
        self._process = os.getpid()
        self.is_held = False

    def take(self, *, seconds: float) -> None:
        """Wait for the turn; raises NoTurn when it has not come after that long."""
        self.is_held = self._take_free() or self._wait(seconds)
        if not self.is_held:
            raise NoTurn(
                f"The turn to write did not come within {seconds:.1f} s: "
                f"{self._holder()} has it."
            )

    def give(self) -> None:
        """Let the next one write."""
        # A forked child shares the file, but the turn is its parent's.
        if self.is_held and self._process == os.getpid():
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.is_held = False

    def close(self) -> None:
        """Give the turn back, for good."""
        self.give()
        self._close_file()

    def _take_free(self) -> bool:
        """Take the turn if nobody has it, as flock itself does before it waits."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        alarm.set(ends)
        try:
            while libc.flock(self._file, fcntl.LOCK_EX):
                number = ctypes.get_errno()
                if number != errno.EINTR:
                    raise OSError(number, os.strerror(number))
                if time.monotonic() >= ends:
                    return False
            return True
        finally:
            alarm.clear()

    def _holder(self) -> str:
        """Return who has the turn, as far as the kernel says."""
        inode = f":{os.fstat(self._file).st_ino}"
        with suppress(OSError):
            for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
                # 1: FLOCK ADVISORY WRITE 4711 00:1f:36 0 EOF; who waits has an arrow.
                words = line.split()
                if words[1] == "FLOCK" and words[5].endswith(inode):
                    return f"process {words[4]}"
        return "another process"


class Alarm:
    """Interrupts threads that have waited for long enough, by a signal to each.

    A thread of its own looks at all of them ten times a second, while there are any.
    """

    def __init__(self) -> None:
        # While it is held nobody stops waiting: no signal meets what comes after.
        self._lock = threading.Lock()
        self._ends: dict[int, float] = {}
        self._is_watching = False

    def set(self, ends: float) -> None:
        """Interrupt the calling thread from that moment on, until it clears this."""
        with self._lock:
            self._ends[threading.get_ident()] = ends
            if not self._is_watching:
                self._is_watching = True
                # Bare, because threading's own would first wait for it to run.
                _thread.start_new_thread(self._watch, ())

    def clear(self) -> None:
        with self._lock:
            del self._ends[threading.get_ident()]

    def _watch(self) -> None:
        while True:
            time.sleep(TICK)
            with self._lock:
                if not self._ends:
                    self._is_watching = False
                    return
                now = time.monotonic()
                for thread, ends in self._ends.items():
                    if ends <= now:
                        signal.pthread_kill(thread, WAKE)


alarm = Alarm()
# A forked child has none of its parent's threads.
os.register_at_fork(after_in_child=alarm.__init__)  # type: ignore[misc]


def _wake(number: int, frame: FrameType | None) -> None:
    """Do nothing: that the signal has come is enough."""


def listen() -> None:
    """Let waits have an end in this process; without it they last until the turn comes.

    Must be called from the main thread, as all handlers of signals are set there.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(WAKE, _wake)
