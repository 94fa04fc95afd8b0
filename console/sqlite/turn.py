"""A turn at writing to a SQLite file: the kernel's fair queue, but with a time-out."""

import _thread
import fcntl
import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path

from django.db import OperationalError


class NoTurn(OperationalError):
    """The turn did not come in time; nothing was written."""


class Turn:
    """One connection's place in the queue; used by one thread at a time.

    The kernel wakes those who wait for an flock in the order they came, but has no
    time-out for it. So a helper thread waits in its owner's stead: an owner who gives
    up leaves it behind, and it lets go at once when the turn comes to nobody. An owner
    who asks again before that still has the place it had.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._close_file = weakref.finalize(self, os.close, self._file)
        self._process = os.getpid()
        self._came = threading.Semaphore(0)
        # Guards the flags below, and that the file is not closed under the helper.
        self._lock = threading.Lock()
        self._is_queued = False
        self._is_wanted = False
        self._is_closed = False
        self.is_held = False

    def take(self, *, seconds: float) -> None:
        """Wait for the turn; raises NoTurn when it has not come after that long."""
        self.is_held = self._take_free() or self._wait(seconds)
        if not self.is_held:
            raise NoTurn(
                f"The turn to write did not come within {seconds:g} s: "
                f"{self._holder()} has it."
            )

    def give(self) -> None:
        """Let the next one write."""
        # A forked child shares the file, but the turn is its parent's.
        if self.is_held and self._process == os.getpid():
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.is_held = False

    def close(self) -> None:
        """Give the turn back and leave the queue for good."""
        self.give()
        with self._lock:
            self._is_closed = True
            if not self._is_queued:
                self._close_file()

    def _take_free(self) -> bool:
        """Take the turn if nobody has it, as flock itself does before it waits."""
        if self._is_queued:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, seconds: float) -> bool:
        with self._lock:
            self._is_wanted = True
            if not self._is_queued:
                self._is_queued = True
                # Bare, because threading's own would first wait for it to run.
                _thread.start_new_thread(self._queue, ())
        if self._came.acquire(timeout=seconds):
            return True
        with self._lock:
            self._is_wanted = False
            # It may have come this very moment.
            return self._came.acquire(blocking=False)

    def _queue(self) -> None:
        """Wait for the turn on the owner's behalf: the helper's whole life."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        with self._lock:
            self._is_queued = False
            if self._is_wanted:
                self._is_wanted = False
                self._came.release()
            else:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            if self._is_closed:
                self._close_file()

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
