"""Control groups: what all processes of an instance together may use.

Version 1 and 2 of them, wherever this process may make groups below its own. What is
limited is memory, the number of processes, and the processors.
"""

import contextlib
import errno
import hashlib
import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CONTROLLERS = ("memory", "pids", "cpu")
PREFIX = "fgconsole-"
# Where a worker of version 2 goes, since a group with groups below holds no process.
LEAF = "fgconsole"
PERIOD_US = 100_000
KILL_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Memory in bytes, a number of processes, and thousandths of a processor."""

    memory: int
    processes: int
    cpu: int


class Group:
    """One instance's group; in version 1, one per controller."""

    def __init__(self, folders: dict[str, Path], *, is_unified: bool) -> None:
        self._folders = folders
        self._is_unified = is_unified

    def limit(self, limits: Limits) -> None:
        """Set the limits; raises OSError."""
        if self._is_unified:
            folder = self._folders["memory"]
            _write(folder / "memory.max", limits.memory)
            _write_if_there(folder / "memory.swap.max", 0)
            _write_if_there(folder / "memory.oom.group", 1)
            _write(folder / "pids.max", limits.processes)
            _write(folder / "cpu.max", f"{_quota(limits)} {PERIOD_US}")
            return
        memory, cpu = self._folders["memory"], self._folders["cpu"]
        _write(memory / "memory.limit_in_bytes", limits.memory)
        _write_if_there(memory / "memory.memsw.limit_in_bytes", limits.memory)
        _write(self._folders["pids"] / "pids.max", limits.processes)
        _write(cpu / "cpu.cfs_period_us", PERIOD_US)
        _write(cpu / "cpu.cfs_quota_us", _quota(limits))

    def add(self, pid: int) -> None:
        """Put a process into it, and all that it will start; raises OSError."""
        for folder in set(self._folders.values()):
            _write(folder / "cgroup.procs", pid)

    def has_killed(self) -> bool:
        """Say whether a process was killed because the memory was used up."""
        name = "memory.events" if self._is_unified else "memory.oom_control"
        with contextlib.suppress(OSError, ValueError):
            for line in (self._folders["memory"] / name).read_text().splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill":
                    return int(count) > 0
        return False

    def remove(self, *, seconds: float = 0) -> bool:
        """Kill what is left in it and remove it; False when it does not go in time."""
        ends_at = time.monotonic() + seconds
        while True:
            left = [folder for folder in set(self._folders.values()) if _stays(folder)]
            for folder in left:
                _kill_all_in(folder)
            if not left or time.monotonic() >= ends_at:
                return not left
            time.sleep(0.001)


class Cgroups:
    """A pool's own group, below this process's, for those of its instances."""

    def __init__(self, bases: dict[str, Path], *, is_unified: bool) -> None:
        self._bases = bases
        self._is_unified = is_unified
        self._left: list[Group] = []

    @classmethod
    def make(cls, pools: Path, name: str) -> Self | None:
        """Make it for the pool of that name; None where that is not possible.

        Groups of pools that are no longer in the folder `pools` are removed.
        """
        try:
            parents, is_unified = _parents()
        except (OSError, ValueError):
            return None
        tag = PREFIX + hashlib.sha256(os.fsencode(pools)).hexdigest()[:12] + "-"
        bases = {}
        try:
            for controller, parent in parents.items():
                _sweep(parent, tag, pools)
                bases[controller] = parent / f"{tag}{name}"
                bases[controller].mkdir(exist_ok=True)
            made = cls(bases, is_unified=is_unified)
            if is_unified:
                _delegate(bases["memory"])
            trial = made.new("trial", Limits(64 << 20, 16, 1000))
        except OSError:
            for base in set(bases.values()):
                with contextlib.suppress(OSError):
                    base.rmdir()
            return None
        trial.remove(seconds=KILL_SECONDS)
        return made

    def new(self, name: str, limits: Limits) -> Group:
        """Make a group with these limits; raises OSError."""
        folders = {controller: base / name for controller, base in self._bases.items()}
        group = Group(folders, is_unified=self._is_unified)
        try:
            for folder in set(folders.values()):
                folder.mkdir()
            group.limit(limits)
        except OSError:
            group.remove()
            raise
        return group

    def remove(self, group: Group) -> None:
        """Remove one; if it does not go at once, then with a later one."""
        self._left = [one for one in [*self._left, group] if not one.remove()]

    def close(self) -> None:
        """Remove them all."""
        left = self._left
        self._left = [one for one in left if not one.remove(seconds=KILL_SECONDS)]
        for base in set(self._bases.values()):
            try:
                base.rmdir()
            except OSError as error:
                logger.warning("The control group %s stays: %s", base, error.strerror)


def _quota(limits: Limits) -> int:
    """Return the time per period: the share, but one whole processor at the least.

    Less would hold up a start, and every single-threaded run, for nothing: what is to
    be prevented is that one instance takes the processors of all the others.
    """
    return max(limits.cpu, 1000) * PERIOD_US // 1000


def _own_groups() -> dict[str, str]:
    """Return the path of our group for each controller; that of version 2 for ""."""
    own: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    return own


def _parents() -> tuple[dict[str, Path], bool]:
    """Return the folder of our own group for each controller, and whether it is one.

    Raises OSError or ValueError where there is not one for each.
    """
    own = _own_groups()
    found: dict[str, Path] = {}
    unified: Path | None = None
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split()
        if kind == "cgroup2" and "" in own:
            unified = _below(point, root, own[""])
        if kind == "cgroup":
            for name in set(CONTROLLERS) & set(options.split(",")) & set(own):
                found[name] = _below(point, root, own[name])
    if len(found) == len(CONTROLLERS):
        return found, False
    if unified is None or not _offers_all(unified):
        raise ValueError("no control groups")
    parent = unified.parent if unified.name == LEAF else unified
    if not _is_ours(parent, own[""]):
        raise ValueError(f"{parent} is not delegated")
    return dict.fromkeys(CONTROLLERS, parent), True


def _below(point: str, root: str, path: str) -> Path:
    """Return where a group is found, below a mount that may show but a part."""
    relative = os.path.relpath(path, root)
    if relative.startswith(".."):
        raise ValueError(f"{path} is not below {root}")
    return Path(point) / relative


def _offers_all(folder: Path) -> bool:
    offered = (folder / "cgroup.controllers").read_text(encoding="utf-8").split()
    return set(CONTROLLERS) <= set(offered)


def _is_ours(folder: Path, path: str) -> bool:
    """Say whether a group of version 2 is ours to divide.

    The host's first group never is. In a container all there is is the container's;
    otherwise the manager of services says so, or gave the folder to an ordinary user.
    """
    if not (folder / "cgroup.type").exists():
        return False
    if path == "/" or os.geteuid() != 0:
        return True
    names = os.listxattr(folder)
    return "trusted.delegate" in names or "user.delegate" in names


def _delegate(base: Path) -> None:
    """Hand the controllers down to a pool's group; raises OSError.

    Our own processes move into a leaf: a group that hands them down may hold none.
    """
    parent = base.parent
    leaf = parent / LEAF
    leaf.mkdir(exist_ok=True)
    for pid in (parent / "cgroup.procs").read_text(encoding="utf-8").split():
        with contextlib.suppress(ProcessLookupError):
            _write(leaf / "cgroup.procs", pid)
    wanted = " ".join(f"+{name}" for name in CONTROLLERS)
    for folder in (parent, base):
        _write(folder / "cgroup.subtree_control", wanted)


def _sweep(parent: Path, tag: str, pools: Path) -> None:
    """Remove the groups of pools that are gone."""
    for base in parent.glob(f"{tag}*"):
        if not (pools / base.name.removeprefix(tag)).exists():
            for folder in [*base.glob("*/"), base]:
                _stays(folder)


def _stays(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _kill_all_in(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in (folder / "cgroup.procs").read_text(encoding="utf-8").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _write(path: Path, value: object) -> None:
    # Unbuffered, so that the kernel's answer is that to this write.
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def _write_if_there(path: Path, value: object) -> None:
    try:
        _write(path, value)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
