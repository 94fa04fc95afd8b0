"""What a process uses, as the kernel counts it and not as it says itself."""

import contextlib
import time
from dataclasses import dataclass

# clock_getcpuclockid(3): the clock of the CPU time of all threads of a process.
PROCESS_CLOCK = 2


@dataclass(frozen=True)
class Usage:
    """The most memory a process has had (MB), and all its CPU time (seconds)."""

    memory_mb: float = 0.0
    cpu_seconds: float = 0.0


def measure(pid: int) -> Usage:
    """Return what a process has used so far; what cannot be told is 0.

    Takes some 15 microseconds.
    """
    return Usage(_memory_mb(pid), cpu_seconds(pid))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process; 0 when it cannot be told."""
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | PROCESS_CLOCK)
    return 0.0


def _memory_mb(pid: int) -> float:
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"/proc/{pid}/status", "rb", buffering=0) as file,
    ):
        _, found, after = file.read().partition(b"VmHWM:")
        return int(after.split(None, 1)[0]) / 1024 if found else 0.0
    return 0.0
