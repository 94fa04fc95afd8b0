"""Files of a back-up: tar, written whole or not at all, of folders that are in use.

No Django. What is copied while it is in use only ever grows (Valkey's append-only file,
SeaweedFS's volumes and the log of its index), or is replaced under its name. All files
of a folder are therefore opened first, with the size they then have; if none appeared,
went or was replaced meanwhile, they belong together as after a power cut at that
moment, which both programs are made to start from.
"""

import os
import resource
import stat
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

TRIES = 100
PAUSE_SECONDS = 0.1


class NotSteady(Exception):
    """The files of a folder change faster than they can be opened."""


class Archive:
    """A tar file under a name that it gets when all of it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")

    def __enter__(self) -> "Archive":
        handle = os.open(self._draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w")
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._file:
            if kind is None:
                self._tar.close()
                self._file.flush()
                os.fsync(self._file.fileno())
        if kind is not None:
            self._draft.unlink(missing_ok=True)
            return
        self._draft.rename(self._path)
        sync_folder(self._path.parent)

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as opened:
            self._add(name, opened, os.fstat(opened.fileno()).st_size)

    def add_folder(self, folder: Path) -> None:
        """Add a folder that may be in use, if it is there; raises NotSteady."""
        if not folder.is_dir():
            return
        with _opened_together(folder) as files:
            for path, opened, size in files:
                name = str(Path(folder.name) / path.relative_to(folder))
                self._add(name, opened, size)

    def _add(self, name: str, opened: BinaryIO, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(time.time())
        self._tar.addfile(info, opened)


@contextmanager
def _opened_together(folder: Path) -> Iterator[list[tuple[Path, BinaryIO, int]]]:
    _allow_many_files()
    for _try in range(TRIES):
        with ExitStack() as opened:
            before = _listing(folder)
            try:
                files = [
                    _open(opened, path) for path in sorted(before, key=_earlier_first)
                ]
            except FileNotFoundError:
                continue
            if _listing(folder) == before:
                yield files
                return
        time.sleep(PAUSE_SECONDS)
    raise NotSteady(f"The files of {folder} change too fast to be copied. Try again.")


def _open(opened: ExitStack, path: Path) -> tuple[Path, BinaryIO, int]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    file = opened.enter_context(os.fdopen(handle, "rb"))
    return path, file, os.fstat(handle).st_size


def _listing(folder: Path) -> dict[Path, int]:
    """Return the regular files of a folder, each with its inode."""
    found = {}
    for path in folder.rglob("*"):
        try:
            state = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(state.st_mode):
            found[path] = state.st_ino
    return found


def _earlier_first(path: Path) -> tuple[int, str]:
    """Order files so that what refers to another file is opened before that one.

    SeaweedFS's filer names needles, which an index (.idx) finds in a volume (.dat).
    """
    if path.suffix == ".dat":
        return 2, str(path)
    return int(path.suffix == ".idx"), str(path)


def _allow_many_files() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def unpack(path: Path, folder: Path, *, allowed: frozenset[str]) -> None:
    """Unpack a back-up's file; raises tarfile.TarError for one that is not ours.

    `allowed` are the names that may stand at its top.
    """
    with tarfile.open(path, mode="r:") as tar:
        for member in tar:
            if Path(member.name).parts[:1] not in {(name,) for name in allowed}:
                raise tarfile.TarError(f"{member.name} does not belong into it")
            tar.extract(member, folder, filter="data")


def read(path: Path, name: str) -> bytes:
    """Return one file of it; raises tarfile.TarError where it is not there."""
    with tarfile.open(path, mode="r:") as tar:
        try:
            found = tar.extractfile(name)
        except KeyError as error:
            raise tarfile.TarError(f"{name} is not in it") from error
        if found is None:
            raise tarfile.TarError(f"{name} is no file")
        return found.read()


def sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
