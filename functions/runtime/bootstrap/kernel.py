"""What the kernel offers and Python's library does not, called through libc.

Each call raises OSError that names itself, so that a probe can say what was refused.
"""

import ctypes
import os
import platform
import signal

MACHINE = platform.machine()

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_TID_ADDRESS = 40

# Where the machines differ; numbers from 424 on are the same everywhere.
_CLONE = {"x86_64": 56, "aarch64": 220}.get(MACHINE)
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(MACHINE)
_CAPSET = {"x86_64": 126, "aarch64": 91}.get(MACHINE)
_MOUNT_SETATTR = 442

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID = 1, 2
_CAPABILITIES_V3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
# Keeps the interpreter's lock, which a copy of the process must find as it was.
_locked = ctypes.PyDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "mode", "userns")]


def syscall(number: int | None, name: str, *arguments: object) -> int:
    """Make a system call by its number; None stands for a machine not known here."""
    if number is None:
        raise OSError(38, f"{name}: not known for {MACHINE}")
    values = [a if isinstance(a, bytes) else _word(a) for a in arguments]
    _libc.syscall.restype = ctypes.c_long
    return _checked(_libc.syscall(ctypes.c_long(number), *values), name)


def prctl(option: int, value: int, more: object = 0) -> None:
    """Call prctl(2)."""
    result = _libc.prctl(option, ctypes.c_ulong(value), _word(more), 0, 0)
    _checked(result, f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the namespaces that the flags name, for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Call mount(2)."""
    result = _libc.mount(
        source.encode(),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _checked(result, f"mount {kind or 'bind'}")


def make_read_only(target: str, *, recursive: bool = True) -> None:
    """Make a mount read-only, and with it what is mounted below.

    Other flags, which a user namespace may not take away, stay as they are.
    """
    wanted = _MountAttributes(set=_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID)
    syscall(
        _MOUNT_SETATTR,
        "mount_setattr",
        _AT_FDCWD,
        os.fsencode(target),
        _AT_RECURSIVE if recursive else 0,
        ctypes.byref(wanted),
        ctypes.sizeof(wanted),
    )


def unmount(target: str) -> None:
    """Take a mount out of the tree; it ends with its last user."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), "umount")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root, with the old one at `old` below it."""
    syscall(_PIVOT_ROOT, "pivot_root", new.encode(), old.encode())


def map_own_ids(uid: int, gid: int) -> None:
    """Let a new user namespace know one user and one group, by their own numbers."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def drop_capabilities() -> None:
    """Give up every capability of this thread."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall(_CAPSET, "capset", ctypes.byref(header), ctypes.byref(nothing))


def drop_bounding_set() -> None:
    """Let no program that is started ever gain a capability."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            # The kernel knows no more of them.
            return


def fork(flags: int) -> int:
    """Fork into new namespaces, as `os.fork` does otherwise.

    The C library's fork takes no flags. It also notes the number of the new thread
    where the library keeps its own; the kernel is told to write it there.
    """
    if not flags:
        return os.fork()
    address = _thread_number_address()
    if address:
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    # The last two arguments change places on other machines.
    last = (address, 0) if MACHINE == "x86_64" else (0, address)
    arguments = [_word(a) for a in (_CLONE, flags | signal.SIGCHLD, 0, 0, *last)]
    clone = _locked.syscall
    clone.restype = ctypes.c_long
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = clone(*arguments)
    number = ctypes.get_errno()
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone: {os.strerror(number)}")
    return pid


def _thread_number_address() -> int:
    """Return where the C library keeps this thread's number; 0 if nobody tells."""
    found = ctypes.c_void_p()
    if _libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(found), 0, 0, 0) != 0:
        return 0
    if not found.value:
        return 0
    kept = ctypes.c_int.from_address(found.value).value
    return found.value if kept == os.getpid() else 0


def _word(value: object) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
