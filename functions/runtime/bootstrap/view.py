"""The files an instance sees where there are mount namespaces.

The zygote makes the view once: the system and the interpreter, read-only, and nothing
else. Each instance then gets its own code in it, and folders to write to that are
memory of a limited size. Nothing of it is ever on the host's disk.
"""

import contextlib
import os
import sys
from collections.abc import Iterable

from . import kernel
from .kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC

SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
# What programs read to find names, certificates and the time of day.
FILES = (
    "alternatives",
    "ca-certificates",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl",
    "timezone",
)
TEMPORARY = "/tmp"  # noqa: S108 - private to each instance
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {
    "dev/fd": "/proc/self/fd",
    "dev/stdin": "/proc/self/fd/0",
    "dev/stdout": "/proc/self/fd/1",
    "dev/stderr": "/proc/self/fd/2",
    "dev/shm": "/opt/function/shm",
    "var/tmp": TEMPORARY,
}
# Where the pool's folder is until an instance has taken its code from it.
STORE = "/run/runtime"
HOME = "/opt/function"
WRITABLE = ("tmp", "log", "shm")
SCRATCH_FILES = 16_384
VIEW_OPTIONS = "size=1m,nr_inodes=2k,mode=755"


def enter(root: str) -> None:
    """Make the view the root of this process, with the pool's folder `root` at STORE.

    Needs CAP_SYS_ADMIN in the user namespace. Raises OSError.
    """
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS)
    kernel.mount("none", "/", "", MS_REC | MS_PRIVATE)
    store = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    # Any folder will do to build it on, and this one is sure to be there.
    kernel.mount("none", root, "tmpfs", MS_NOSUID, VIEW_OPTIONS)
    os.chdir(root)
    _fill(store)
    os.close(store)
    os.mkdir("old")
    kernel.pivot_root(".", "old")
    kernel.unmount("/old")
    os.rmdir("/old")
    os.chdir("/")
    kernel.make_read_only("/", recursive=False)


def readable(*, private: bool) -> list[str]:
    """Return what an instance may read; `private` where it has a view of its own."""
    if private:
        return ["/"]
    names = [f"/etc/{name}" for name in FILES] + [f"/dev/{name}" for name in DEVICES]
    return [f"/{name}" for name in SYSTEM] + names + ["/proc", *own_trees()]


def own_trees() -> list[str]:
    """Return the folders of the interpreter and of this package."""
    here = os.path.dirname(os.path.abspath(__file__))
    paths = (sys.base_prefix, sys.base_exec_prefix, here)
    return [*paths, *(os.path.realpath(path) for path in paths)]


def furnish(code: str, *, size: int, uid: int, gid: int) -> None:
    """Give this instance its code, from below STORE, and its folders to write to.

    `size` (bytes) bounds all it can write. Raises OSError.
    """
    scratch = f"{HOME}/tmp"  # noqa: S108 - as above
    options = f"size={size},nr_inodes={SCRATCH_FILES},mode=755"
    kernel.mount("none", HOME, "tmpfs", MS_NOSUID | MS_NODEV, options)
    os.mkdir(f"{HOME}/code")
    for name in WRITABLE:
        path = f"{HOME}/{name}"
        os.mkdir(path, 0o700)
        os.chown(path, uid, gid)
    kernel.mount(f"{STORE}/{code}", f"{HOME}/code", "", MS_BIND)
    kernel.make_read_only(f"{HOME}/code")
    kernel.mount(scratch, TEMPORARY, "", MS_BIND)
    kernel.unmount(STORE)
    # On top of the other: without that in sight the kernel would refuse it.
    kernel.mount("none", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _fill(store: int) -> None:
    """Put everything into the new root, which is the working directory."""
    for name in ("dev", "etc", "opt/function", "proc", "run/runtime", "tmp", "var"):
        os.makedirs(name)
    for name in SYSTEM:
        _show(f"/{name}")
    _show_trees(own_trees())
    for name in FILES:
        _show(f"/etc/{name}", resolved=True)
    for name in DEVICES:
        _show(f"/dev/{name}", read_only=False)
    for name, target in LINKS.items():
        os.symlink(target, name)
    _write_accounts()
    kernel.mount("/proc", "proc", "", MS_BIND | MS_REC)
    kernel.mount(f"/proc/self/fd/{store}", STORE[1:], "", MS_BIND)


def _show_trees(paths: Iterable[str]) -> None:
    """Show folders that no tree of the system holds already."""
    for path in paths:
        if not os.path.exists(f".{path}"):
            _show(path, resolved=True)


def _show(path: str, *, read_only: bool = True, resolved: bool = False) -> None:
    """Show a file or folder of the host under its own path, if there is one.

    A link stays a link, unless what it leads to is wanted in its place.
    """
    target = path[1:]
    if os.path.islink(path) and not resolved:
        os.symlink(os.readlink(path), target)
        return
    source = os.path.realpath(path)
    if os.path.isdir(source):
        os.makedirs(target)
    elif os.path.exists(source):
        with open(target, "xb"):
            pass
    else:
        return
    kernel.mount(source, target, "", MS_BIND | MS_REC)
    if read_only:
        kernel.make_read_only(target)


def _write_accounts() -> None:
    """Name the users that files in the view belong to, and the one we may be."""
    names = {0: "root", 65534: "nobody"}
    names.setdefault(os.getuid(), "function")
    with contextlib.ExitStack() as stack:
        passwd = stack.enter_context(open("etc/passwd", "x", encoding="ascii"))
        group = stack.enter_context(open("etc/group", "x", encoding="ascii"))
        for number, name in names.items():
            passwd.write(f"{name}:x:{number}:{number}::/tmp:/bin/sh\n")
            group.write(f"{name}:x:{number}:\n")
