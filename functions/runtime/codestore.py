"""Code on disk: each digest unpacked once per host, complete or not at all.

Whoever uses a folder of it holds a lock, which ends with the process whatever ends
that: so what is in use can be told from what may go.
"""

import contextlib
import errno
import fcntl
import hashlib
import io
import lzma
import os
import secrets
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Self

from functions.runtime import archive
from functions.runtime.archive import Unfit
from functions.runtime.folder import is_at
from functions.runtime.spec import Spec
from functions.runtime.trash import FOLDER, Trash, closing

CHUNK = 256 * 1024
TRIES = 100
TRY_SECONDS = 0.01
# A folder is let go that nobody has used for so long, in seconds; one that no version
# needs, as what earlier versions left half unpacked, sooner.
UNUSED_SECONDS = 24 * 3600.0
NEEDLESS_SECONDS = 600.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# These are the host's troubles; any other error comes from the names in an archive.
HOST_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE}
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    # An unknown compression, and an encrypted file.
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class UnpackingFailed(Exception):
    """The code cannot be unpacked, through its own fault."""


class Code:
    """A folder of unpacked code that stays there until it is released."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def hold(cls, path: Path) -> Self | None:
        """Take the folder into use; None when it is not there, or just going."""
        try:
            fd = os.open(path, FOLDER)
        except FileNotFoundError:
            return None
        if _lock(fd, fcntl.LOCK_SH) and is_at(path, fd):
            os.utime(fd)
            return cls(path, fd)
        os.close(fd)
        return None

    def release(self) -> None:
        """Let it be removed, when nobody else has it in use."""
        os.utime(self._fd)
        os.close(self._fd)


def unpack(spec: Spec, store: Path, *, parts: Path, largest: int) -> Code:
    """Return the folder with the spec's code, unpacking it if it is not there.

    The code itself is in its subfolder `code`. What is not complete is in `parts`, a
    folder on the same file system that somebody clears if this process dies. `largest`
    is in bytes, over all files. Raises UnpackingFailed when the code is at fault, and
    OSError when the host is.
    """
    folder = store / name_of(spec.code_digest, spec.code_type, spec.code_filename)
    for _ in range(TRIES):
        if code := Code.hold(folder):
            return code
        if folder.exists():
            time.sleep(TRY_SECONDS)  # It is being moved aside.
        else:
            _unpack(spec, folder, parts, largest)
    raise FileNotFoundError(errno.ENOENT, "The code is taken away again and again")


def _unpack(spec: Spec, folder: Path, parts: Path, largest: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = parts / f"part-{secrets.token_hex(8)}"
    part.mkdir(parents=True)
    try:
        _fill(part / "code", spec, largest)
        _publish(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fill(code: Path, spec: Spec, largest: int) -> None:
    try:
        code.mkdir()
        _write(spec, code, largest)
        _open_to_all(code)
    except OSError as error:
        if error.errno in HOST_ERRORS:
            raise
        raise UnpackingFailed(
            f"the code cannot be unpacked ({error.strerror})"
        ) from error


def _publish(part: Path, folder: Path) -> None:
    """Give it its name, unless somebody was faster, whose folder is as good."""
    try:
        part.rename(folder)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def prune(store: Path, trash: Trash, *, needed: Callable[[], set[str]]) -> None:
    """Move aside what was not used for long, or that no version needs.

    `needed` gives the names of what versions need, and is asked only when there is
    something to judge. What is in use stays, and so does what was used just now.
    """
    with (
        contextlib.suppress(FileNotFoundError),
        closing(os.open(store, FOLDER)) as parent,
    ):
        idle = {name: _idle_seconds(name, parent) for name in os.listdir(parent)}
        judged = {name for name, since in idle.items() if since >= NEEDLESS_SECONDS}
        unused = {name for name in judged if idle[name] >= UNUSED_SECONDS}
        if judged:
            for name in unused | (judged - needed()):
                _take_unless_used(name, parent, trash)


def _idle_seconds(name: str, parent: int) -> float:
    try:
        used_at = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return 0.0
    return time.time() - used_at


def _take_unless_used(name: str, parent: int, trash: Trash) -> None:
    with (
        contextlib.suppress(FileNotFoundError),
        closing(os.open(name, FOLDER, dir_fd=parent)) as fd,
    ):
        if _lock(fd, fcntl.LOCK_EX):
            trash.take(name, parent=parent)


def _lock(fd: int, kind: int) -> bool:
    """Lock an open folder unless somebody else has, in a way that excludes ours."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Not every file system can. Then code stays, rather than go while it is used.
        return kind == fcntl.LOCK_SH
    return True


def name_of(code_digest: str, code_type: str, code_filename: str) -> str:
    """Return what the folder of a version's code is called on this host.

    It is another one after each boot: of what was written just before the power went,
    a folder may be there without the contents of its files.
    """
    identity = "\0".join((_boot(), code_digest, code_type, code_filename))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _boot() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _write(spec: Spec, code: Path, largest: int) -> None:
    try:
        if spec.code_type == "zip":
            with zipfile.ZipFile(io.BytesIO(spec.code)) as opened:
                _extract(opened, code, largest)
        else:
            target = code / archive.below_root(spec.code_filename)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(spec.code)
    except Unfit as error:
        raise UnpackingFailed(str(error)) from error
    except BROKEN_ARCHIVE as error:
        raise UnpackingFailed(
            f"the code is not a usable ZIP archive ({error})"
        ) from error


def _open_to_all(code: Path) -> None:
    """Let whoever gets to the code read it; the store's own folder keeps others out."""
    for folder, _folders, files in os.walk(code):
        os.chmod(folder, 0o755)  # noqa: S103 - the point of it
        for name in files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode):
                os.chmod(path, 0o755 if mode & 0o100 else 0o644)


def _extract(opened: zipfile.ZipFile, code: Path, largest: int) -> None:
    plan = archive.plan(opened)
    for folder in plan.folders:
        (code / folder).mkdir()
    left = largest
    for path, member in plan.files.items():
        target = code / path
        left -= _copy(opened, member, target, left)
        if member.external_attr >> 16 & 0o100:
            target.chmod(0o755)
    for path, leads_to in plan.links.items():
        (code / path).symlink_to(leads_to)


def _copy(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int
) -> int:
    """Unpack one file and return its size; its own statement of it may be a lie."""
    size = 0
    with opened.open(entry) as source, target.open("xb") as copy:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise UnpackingFailed("the unpacked code is too large")
            copy.write(chunk)
    return size
