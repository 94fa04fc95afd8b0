"""Users of this host that belong to nobody, one for each instance, where we are root.

Who takes one holds a lock on a file of its number, which ends with the process whatever
ends that. The files are the host's, so that two installations never share a number.
"""

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

CLAIMS = Path("/run/fgconsole-users")
# Numbers that distributions leave alone, and that containers of 65,536 users have.
USERS = "60578-61183"
TRIES = 100
TRY_SECONDS = 0.02
SUBORDINATES = (Path("/etc/subuid"), Path("/etc/subgid"))


class NoUserLeft(OSError):
    """Every number of the range is in use."""


class HostUser:
    """A number that no other instance on this host has, until it is released."""

    def __init__(self, uid: int, fd: int) -> None:
        self.uid = uid
        self._fd = fd

    def kill_all(self) -> None:
        """Kill what still runs as this user, where no namespace has ended it."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == self.uid:
                    os.kill(int(name), signal.SIGKILL)

    def release(self) -> None:
        """Let others have it; nothing may be running as this user."""
        os.close(self._fd)


class Users:
    """A range of numbers, for users and, at level 1, for groups that may read code."""

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers
        self._next = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `first-last`; raises ValueError for anything else."""
        first, _, last = text.partition("-")
        numbers = range(int(first), int(last) + 1)
        if not numbers or numbers[0] < 1 or numbers[-1] >= 2**32 - 1:
            raise ValueError(f"{text} is no range of user numbers")
        return cls(numbers)

    def taken_by(self) -> str:
        """Say which accounts of this host lie in the range; empty when none does."""
        accounts = [(user.pw_uid, user.pw_name) for user in pwd.getpwall()]
        accounts += [(group.gr_gid, group.gr_name) for group in grp.getgrall()]
        names = {name for number, name in accounts if number in self.numbers}
        names |= {name for name, given in _given() if _meet(given, self.numbers)}
        return ", ".join(sorted(names))

    def take(self) -> HostUser:
        """Take a free one, waiting for it a little; raises NoUserLeft, or OSError."""
        CLAIMS.mkdir(mode=0o700, exist_ok=True)
        for _ in range(TRIES):
            if user := self._take():
                return user
            time.sleep(TRY_SECONDS)
        raise NoUserLeft(errno.EAGAIN, "all numbers of INSTANCE_USERS are in use")

    def _take(self) -> HostUser | None:
        # From the one after the last, so that what a user left is not soon another's.
        for step in range(len(self.numbers)):
            at = (self._next + step) % len(self.numbers)
            uid = self.numbers[at]
            fd = os.open(CLAIMS / f"user-{uid}", _OPEN, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            self._next = at + 1
            return HostUser(uid, fd)
        return None

    def group_of(self, code: Path) -> int:
        """Return the group that may read a folder of code, giving it one at first.

        One folder, one group; raises NoUserLeft, or OSError.
        """
        CLAIMS.mkdir(mode=0o700, exist_ok=True)
        with _turn():
            gid = os.stat(code).st_gid
            if gid in self.numbers and _claimed(gid) == str(code):
                return gid
            for gid in self.numbers:
                if _is_free(gid):
                    (CLAIMS / f"group-{gid}").write_text(str(code), encoding="utf-8")
                    os.chown(code, 0, gid)
                    os.chmod(code, 0o750)  # noqa: S103 - the point of it
                    return gid
        raise NoUserLeft(errno.EAGAIN, "all groups of INSTANCE_USERS are in use")


_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    fd = os.open(CLAIMS / "turn", _OPEN, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _claimed(gid: int) -> str:
    with contextlib.suppress(OSError):
        return (CLAIMS / f"group-{gid}").read_text(encoding="utf-8")
    return ""


def _is_free(gid: int) -> bool:
    """Say whether no folder of code that is still there has that group."""
    claimed = _claimed(gid)
    return not claimed or not os.path.exists(claimed)


def _given() -> Iterable[tuple[str, range]]:
    """Return the ranges that this host gives to users for containers of theirs."""
    for path in SUBORDINATES:
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text(encoding="utf-8").splitlines():
                name, first, count = line.split(":")
                yield name, range(int(first), int(first) + int(count))


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
