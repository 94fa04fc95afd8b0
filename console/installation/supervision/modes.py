"""Who may read what an installation keeps: its owner, and nobody else. No Django."""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Code, and what its runs leave, have modes of their own below folders that are closed.
RUNTIME = "runtime"
RUNTIME_PARTS = ("code", "pools", "trash")
# What a worker gives folders on the way to code that users of instances are to reach:
# one may pass, and see nothing.
PASSABLE = stat.S_IRWXU | stat.S_IXGRP | stat.S_IXOTH


class BelongsToAnother(Exception):
    """What we keep belongs to somebody else; the message says how to change that."""


def check_owner(data_dir: Path) -> None:
    """Raise BelongsToAnother when the folder is not ours; root may use any."""
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        _check(data_dir, data_dir.stat().st_uid, data_dir)


def mend(data_dir: Path, keys_dir: Path) -> None:
    """Take from all others what earlier versions, or copying, have let them do.

    Raises BelongsToAnother for a file that we may not change. A folder of keys
    elsewhere is for others to keep; only the keys in it are closed, if they are ours.
    """
    for path, descriptor in _all_of(data_dir):
        found = os.fstat(descriptor)
        _check(path, found.st_uid, data_dir)
        if not _is_left_passable(path, found, data_dir):
            _close(descriptor, found)
    if not keys_dir.is_relative_to(data_dir):
        for key in keys_dir.glob("*.key"):
            with suppress(OSError):
                _close_path(key)


def _all_of(data_dir: Path) -> Iterator[tuple[Path, int]]:
    """Yield everything that is ours to close, each with a descriptor of its own.

    Links are not followed, not even ones that take a file's place meanwhile.
    """
    parent = os.open(data_dir.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield from _opened(data_dir, parent)
    finally:
        os.close(parent)
    for folder, folders, files, inside in os.fwalk(data_dir):
        for name in (*folders, *files):
            yield from _opened(Path(folder, name), inside)
        if Path(folder) == data_dir and RUNTIME in folders:
            folders.remove(RUNTIME)
            yield from _parts_of_runtime(data_dir / RUNTIME)


def _parts_of_runtime(runtime: Path) -> Iterator[tuple[Path, int]]:
    with suppress(OSError):
        inside = os.open(runtime, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for name in RUNTIME_PARTS:
                yield from _opened(runtime / name, inside)
        finally:
            os.close(inside)


def _opened(path: Path, parent: int) -> Iterator[tuple[Path, int]]:
    try:
        descriptor = os.open(path.name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:  # Gone meanwhile, as sockets and drafts are.
        return
    try:
        if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
            yield path, descriptor
    finally:
        os.close(descriptor)


def _is_left_passable(path: Path, found: os.stat_result, data_dir: Path) -> bool:
    """Say whether instances of a worker that is root may be passing there."""
    runtime = data_dir / RUNTIME
    ways = (data_dir, runtime, runtime / "code", runtime / "pools")
    is_set = stat.S_IMODE(found.st_mode) == PASSABLE and found.st_uid == 0
    return is_set and path in ways


def _close(descriptor: int, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & OTHERS:
        # A descriptor of this kind can be changed by its name only.
        os.chmod(f"/proc/self/fd/{descriptor}", mode & ~OTHERS)


def _close_path(path: Path) -> None:
    parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        for _path, descriptor in _opened(path, parent):
            _close(descriptor, os.fstat(descriptor))
    finally:
        os.close(parent)


def _check(path: Path, owner: int, data_dir: Path) -> None:
    ours = os.geteuid()
    if ours not in (0, owner):
        raise BelongsToAnother(
            f"{path} belongs to {_name(owner)}, and this runs as {_name(ours)}. "
            f"Give it to the one who runs the console: "
            f"chown -R {_name(ours)}: {data_dir}"
        )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
