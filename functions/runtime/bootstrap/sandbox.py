"""What a child may do: the one place where it is confined.

Isolation by user, namespaces, Landlock and seccomp goes into `confine`, before its
last step.
"""

import contextlib
import ctypes
import os
import resource
import signal
import threading
from collections.abc import Mapping

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

MB = 1024 * 1024
# The interpreter itself, which the function's memory size does not have to hold.
MEMORY_HEADROOM = 64 * MB
LARGEST_FILE = 512 * MB
OPEN_FILES = 1024
# A thread's stack counts as memory in full as soon as the thread starts: with the
# usual 8 MB a dozen threads would fill the smallest function.
THREAD_STACK = 2 * MB
OOM_SCORE = 500

_libc = ctypes.CDLL(None, use_errno=True)


def confine(spec: Mapping[str, object]) -> None:
    """Confine this process, before user code is imported; raise OSError if it fails.

    `spec` needs `memory_mb`. The number of processes stays unlimited: that limit
    counts all processes of the user, ours too, until a child has a user of its own.
    """
    memory = int(str(spec["memory_mb"])) * MB + MEMORY_HEADROOM
    # Not RLIMIT_AS, which also counts what malloc only reserves for each thread.
    _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, LARGEST_FILE)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    threading.stack_size(THREAD_STACK)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(OOM_SCORE))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    # Last, because a change of user clears it.
    die_with_parent(os.getppid())


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent's thread ends.

    It is the *thread* that started this process whose end counts.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def prctl(option: int, value: int) -> None:
    """Call prctl(2); raise OSError when it refuses."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
