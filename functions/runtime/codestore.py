"""Code on disk: each digest unpacked once per host, complete or not at all."""

import contextlib
import errno
import hashlib
import io
import lzma
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from functions.runtime.spec import Spec

MOST_FILES = 65_536
LONGEST_NAME = 1024
CHUNK = 256 * 1024
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


class CodeRefused(Exception):
    """The code cannot be unpacked, through its own fault."""


def unpack(spec: Spec, store: Path, *, parts: Path, largest: int) -> Path:
    """Return the folder with the spec's code, unpacking it if it is not there.

    The code itself is in its subfolder `code`. What is not complete is in `parts`, a
    folder on the same file system that somebody clears if this process dies. Raises
    CodeRefused when the code is at fault, and OSError when the host is. `largest` is in
    bytes, over all files.
    """
    folder = store / _name(spec)
    if folder.is_dir():
        return folder
    store.mkdir(parents=True, exist_ok=True)
    part = parts / f"part-{secrets.token_hex(8)}"
    try:
        code = part / "code"
        code.mkdir(parents=True)
        _write(spec, code, largest)
        _open_to_all(code)
        # Fails when another thread or process was faster; its folder is as good.
        with contextlib.suppress(OSError):
            part.rename(folder)
    except OSError as error:
        if error.errno in HOST_ERRORS:
            raise
        raise CodeRefused(f"the code cannot be unpacked ({error.strerror})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _name(spec: Spec) -> str:
    identity = "\0".join((spec.code_digest, spec.code_type, spec.code_filename))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def _write(spec: Spec, code: Path, largest: int) -> None:
    if spec.code_type != "zip":
        target = _place(spec.code_filename, code)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(spec.code)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(spec.code)) as archive:
            _extract(archive, code, largest)
    except BROKEN_ARCHIVE as error:
        raise CodeRefused(f"the code is not a usable ZIP archive ({error})") from error


def _open_to_all(code: Path) -> None:
    """Let whoever gets to the code read it; the store's own folder keeps others out."""
    for folder, _folders, files in os.walk(code):
        os.chmod(folder, 0o755)  # noqa: S103 - the point of it
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)


def _extract(archive: zipfile.ZipFile, code: Path, largest: int) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise CodeRefused(f"the archive has more than {MOST_FILES} files")
    left = largest
    for entry in entries:
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise CodeRefused(f"{entry.filename!r} is neither a file nor a folder")
        target = _place(entry.filename, code)
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        left -= _copy(archive, entry, target, left)
        if mode & 0o100:
            target.chmod(0o755)


def _copy(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int
) -> int:
    """Unpack one file and return its size; its own statement of it may be a lie."""
    size = 0
    with archive.open(entry) as source, target.open("xb") as copy:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise CodeRefused("the unpacked code is too large")
            copy.write(chunk)
    return size


def _place(name: str, code: Path) -> Path:
    """Return where a file of that name goes; never outside the code's folder."""
    if not is_allowed(name):
        raise CodeRefused(f"the file name {name!r} is not allowed")
    return code / PurePosixPath(name)


def is_allowed(name: str) -> bool:
    """Say whether a file may be called that: it stays below the code's folder."""
    path = PurePosixPath(name)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and "\0" not in name
        and len(os.fsencode(name)) <= LONGEST_NAME
    )
