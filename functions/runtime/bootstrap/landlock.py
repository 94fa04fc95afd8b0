"""Landlock: which files a process may reach, whatever its user may.

It also keeps processes outside from being traced (from ABI 1) and signalled (6).
"""

import contextlib
import ctypes
import os
import stat
from collections.abc import Iterable

from . import kernel

CREATE, ADD, RESTRICT = 444, 445, 446
ASK_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
ALL_OF_ABI_1 = (1 << 13) - 1
# What came later: to move between folders, to truncate, to control devices.
REFER, TRUNCATE, IOCTL_DEVICE = (1 << bit for bit in (13, 14, 15))
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
READ = EXECUTE | READ_FILE | READ_DIR
TCP = 3
SCOPES = 3


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "net", "scoped")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def abi() -> int:
    """Return the version the kernel has; 0 where there is none."""
    with contextlib.suppress(OSError):
        return kernel.syscall(CREATE, "landlock", None, 0, ASK_VERSION)
    return 0


def restrict(
    version: int, *, readable: Iterable[str], writable: Iterable[str], tcp: bool
) -> None:
    """Confine this thread for ever: nothing but these paths, no TCP unless `tcp`.

    Paths that do not exist are left out. Needs no_new_privs.
    """
    handled = _files_of(version)
    attributes = _Ruleset(
        handled,
        TCP if version >= 4 and not tcp else 0,
        SCOPES if version >= 6 else 0,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = kernel.syscall(CREATE, "landlock", ctypes.byref(attributes), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, READ & handled)
        for path in writable:
            _allow(ruleset, path, handled)
        kernel.syscall(RESTRICT, "landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _files_of(version: int) -> int:
    rights = ALL_OF_ABI_1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEVICE)):
        rights |= right if version >= since else 0
    return rights


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        rule = _Beneath(rights, fd)
        kernel.syscall(
            ADD, "landlock_add_rule", ruleset, PATH_BENEATH, ctypes.byref(rule), 0
        )
    finally:
        os.close(fd)
