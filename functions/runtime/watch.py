"""Where no control group holds an instance's memory: look once a second, and kill.

What counts is the memory of all its processes, and of what several share each one's
part (PSS). Between two looks an instance may have more.
"""

import contextlib
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from functions.runtime.bootstrap.sandbox import MEMORY_HEADROOM
from functions.runtime.instance import Instance

SECONDS = 1.0
MB = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """A thread that kills instances that use more memory than they may."""

    def __init__(self, instances: Callable[[], Iterable[Instance]]) -> None:
        """Begin; `instances` gives those that are alive."""
        self._instances = instances
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._loop, name="memory-watch", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(SECONDS):
            look(self._instances())


def look(instances: Iterable[Instance]) -> None:
    """Kill those that have more memory than their size and the interpreter's."""
    found = list(instances)
    below = _children() if found else {}
    for instance in found:
        largest = instance.spec.memory_mb * MB + MEMORY_HEADROOM
        pids = _family(instance.pid, below)
        # What is shared counts for each here: too much, but told at once.
        if sum(map(_resident, pids)) > largest and sum(map(_own, pids)) > largest:
            instance.kill_as_too_large()


def _children() -> dict[int, list[int]]:
    """Return all processes by their parent."""
    below: dict[int, list[int]] = defaultdict(list)
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError):
            after = _read(f"/proc/{name}/stat").rpartition(b")")[2]
            below[int(after.split()[1])].append(int(name))
    return below


def _family(pid: int, below: dict[int, list[int]]) -> list[int]:
    """Return a process and all that descend from it: orphans come to it again."""
    family = [pid]
    for member in family:
        family += below.get(member, [])
    return family


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(_read(f"/proc/{pid}/statm").split()[1]) * PAGE
    return 0


def _own(pid: int) -> int:
    """Return its part of the memory, in bytes."""
    with contextlib.suppress(OSError, ValueError):
        _, found, after = _read(f"/proc/{pid}/smaps_rollup").partition(b"\nPss:")
        return int(after.split(None, 1)[0]) * 1024 if found else 0
    return 0


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()
