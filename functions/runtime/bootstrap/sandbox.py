"""What an instance may do: the one place where it is confined.

How far that goes is the level, which the pool has tried out on this host:
3 and 2, namespaces of its own, made as root or in a user namespace; 1, no namespaces;
0, limits only. From 1 on there are Landlock, where the kernel has it, a filter of
system calls, no capabilities and, as root, a user of its own.
"""

import contextlib
import errno
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import kernel, landlock, seccomp, view

MB = 1024 * 1024
# The interpreter itself, which the function's memory size does not have to hold.
MEMORY_HEADROOM = 64 * MB
MAX_FILE_BYTES = 512 * MB
OPEN_FILES = 1024
# A thread's stack counts as memory in full as soon as the thread starts: with the
# usual 8 MB a dozen threads would fill the smallest function.
THREAD_STACK = 2 * MB
OOM_SCORE = 500
# Needed where there is nothing else to keep the worker from being signalled.
SCOPED_ABI = 6
# SIOCSIFFLAGS, IFF_UP
SET_FLAGS, UP = 0x8914, 1
WRITABLE_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


@dataclass(frozen=True)
class Ground:
    """What the zygote has made ready for its instances.

    `zygote` is a descriptor that stands for it. The filters go by whether the network
    is on.
    """

    level: int
    zygote: int
    landlock: int = 0
    filters: Mapping[bool, bytes] = field(default_factory=dict)

    @property
    def is_private(self) -> bool:
        """Whether namespaces keep each instance apart."""
        return self.level >= 2

    def namespaces(self, *, network: bool) -> int:
        """Return the flags to fork an instance with."""
        if not self.is_private:
            return 0
        flags = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC
        return flags if network else flags | kernel.CLONE_NEWNET


def prepare(level: int, root: str) -> Ground:
    """Make this process, the zygote, ready to fork instances at that level.

    `root` is the folder of the pool's files. Raises OSError, which names the step,
    where the host does not allow it.
    """
    zygote = os.pidfd_open(os.getpid())
    if level == 0:
        return Ground(0, zygote)
    version = landlock.abi()
    if level == 1 and os.geteuid() != 0 and version < SCOPED_ABI:
        raise OSError(
            errno.ENOSYS, f"Landlock has ABI {version}, and {SCOPED_ABI} is needed"
        )
    filters = {}
    for network in (False, True):
        program = seccomp.compiled(apart=level >= 2, network=network)
        if program is None:
            raise OSError(errno.ENOSYS, f"no table of calls for {kernel.MACHINE}")
        filters[network] = program
    if level >= 2:
        _enter_view(level, root)
    return Ground(level, zygote, version, filters)


def _enter_view(level: int, root: str) -> None:
    if level == 2:
        uid, gid = os.getuid(), os.getgid()
        kernel.unshare(kernel.CLONE_NEWUSER)
        kernel.map_own_ids(uid, gid)
    view.enter(root)


def confine(spec: Mapping[str, Any], ground: Ground) -> None:
    """Confine this process, before user code is imported; raise OSError if it fails.

    `spec` needs `memory_mb`, `home`, `code_root` and `confinement`: `code`, its folder
    below the pool's; `uid` and `gid`, or None where it keeps its user; `network`;
    `scratch_bytes`; `processes`, the most it may have.
    """
    bounds = spec["confinement"]
    uid, gid = bounds["uid"], bounds["gid"]
    if ground.is_private:
        _furnish(bounds)
    _set_limits(spec["memory_mb"])
    if ground.level == 2:
        # The kernel counts processes by user *and* namespace: here they are alone.
        own = os.getuid(), os.getgid()
        kernel.unshare(kernel.CLONE_NEWUSER)
        kernel.map_own_ids(*own)
    if ground.is_private or uid is not None:
        _limit(resource.RLIMIT_NPROC, bounds["processes"])
    if uid is not None:
        _become(uid, gid)
    if ground.level > 0:
        kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # Again, because a change of user clears it.
    die_with(ground.zygote)
    os.close(ground.zygote)
    if ground.landlock:
        _restrict_files(spec, ground)
    if ground.level > 0:
        seccomp.put_on(ground.filters[bounds["network"]])


def _furnish(bounds: Mapping[str, Any]) -> None:
    """Make what is to be seen in the new namespaces."""
    uid, gid = bounds["uid"], bounds["gid"]
    if uid is None:
        uid, gid = os.getuid(), os.getgid()
    view.furnish(bounds["code"], size=bounds["scratch_bytes"], uid=uid, gid=gid)
    if not bounds["network"]:
        _raise_loopback()


def _restrict_files(spec: Mapping[str, Any], ground: Ground) -> None:
    home = spec["home"]
    network = spec["confinement"]["network"]
    folders = view.WRITABLE if ground.is_private else ("tmp", "log")
    readable = view.readable(private=ground.is_private)
    landlock.restrict(
        ground.landlock,
        readable=[*readable, home, spec["code_root"]],
        writable=[*(f"{home}/{name}" for name in folders), *WRITABLE_DEVICES],
        tcp=ground.is_private or network,
    )


def _become(uid: int, gid: int) -> None:
    kernel.drop_bounding_set()
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # A change of user gave what is below /proc/self to root.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def _set_limits(memory_mb: int) -> None:
    # Not RLIMIT_AS, which also counts what malloc only reserves for each thread.
    _limit(resource.RLIMIT_DATA, memory_mb * MB + MEMORY_HEADROOM)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    threading.stack_size(THREAD_STACK)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(OOM_SCORE))


def _raise_loopback() -> None:
    """Let the processes of an instance without a network speak with each other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent's thread ends.

    It is the *thread* that started this process whose end counts.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def die_with(parent: int) -> None:
    """Do that for a parent of which there is a descriptor.

    Its number says nothing in a namespace of one's own.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    ended = select.poll()
    ended.register(parent, select.POLLIN)
    if ended.poll(0):
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
