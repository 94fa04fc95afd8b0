"""What user code had on disk, on its way out: moved aside at once, removed later.

Everything in it may be meant to do harm: to last, to lead elsewhere, to be too deep for
a recursion. So it is only reached through descriptors of folders that are really there,
one level at a time, and nobody waits for it.
"""

import contextlib
import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# How soon it is tried again to remove what would not go, at first and at last.
FIRST_SECONDS = 1.0
LAST_SECONDS = 300.0
# More folders than that are found again by the next look.
MAX_WAITING_FOLDERS = 10_000

logger = logging.getLogger(__name__)


class Trash:
    """A folder that a thread keeps empty, whoever left what is in it.

    Several processes may share one.
    """

    def __init__(self, path: Path) -> None:
        """Begin with what earlier owners of the folder did not come to."""
        self._path = path
        self._ends_at: float | None = None
        self._wake = threading.Event()
        self._wake.set()
        self._thread = threading.Thread(target=self._loop, name="trash", daemon=True)
        self._thread.start()

    def take(self, name: str, *, parent: int) -> None:
        """Move what has that name in an open folder aside, whatever it is.

        What is not there is as good as gone. Raises OSError.
        """
        with contextlib.suppress(FileNotFoundError), closing(self._open()) as trash:
            _move(name, parent, trash)
        self._wake.set()

    def close(self, *, seconds: float) -> None:
        """Stop, after so many seconds at the latest; what is left is left to others."""
        self._ends_at = time.monotonic() + seconds
        self._wake.set()
        self._thread.join(seconds)

    # The thread.

    def _loop(self) -> None:
        pause: float | None = None
        while self._ends_at is None or self._wake.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            left = self._empty()
            if not left:
                pause = None
                continue
            if pause is None:
                reason = left[0].strerror
                logger.warning("%d things cannot be removed yet: %s", len(left), reason)
            pause = min(2 * pause, LAST_SECONDS) if pause else FIRST_SECONDS

    def _empty(self) -> list[OSError]:
        """Remove all there is; return what went wrong."""
        errors: list[OSError] = []
        try:
            with closing(self._open()) as trash:
                waiting = os.listdir(trash)
                while waiting and not self._is_over():
                    try:
                        _remove(waiting.pop(), trash, waiting)
                    except FileNotFoundError:
                        continue
                    except OSError as error:
                        errors.append(error)
        except OSError as error:
            errors.append(error)
        return errors

    def _is_over(self) -> bool:
        return self._ends_at is not None and time.monotonic() > self._ends_at

    def _open(self) -> int:
        """Open the folder, in whose place user code may have put something else."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            with contextlib.suppress(FileExistsError):
                self._path.mkdir()
            try:
                return _open_unlocked(self._path)
            except NotADirectoryError:
                self._path.unlink()
        return _open_unlocked(self._path)


def _remove(name: str, trash: int, waiting: list[str]) -> None:
    """Remove one thing; the folders in it are moved up beside it, and will wait."""
    try:
        os.unlink(name, dir_fd=trash)
        return
    except (IsADirectoryError, PermissionError):
        pass
    with closing(_open_unlocked(name, trash)) as folder:
        if _mount_of(folder) != _mount_of(trash):
            raise OSError(errno.EBUSY, "Something is mounted there")
        errors = _clear_all(folder, trash, waiting)
    if errors:
        raise errors[0]
    os.rmdir(name, dir_fd=trash)


def _clear_all(folder: int, trash: int, waiting: list[str]) -> list[OSError]:
    """Take out all that is in a folder; return what went wrong."""
    errors = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                _clear(entry, folder, trash, waiting)
            except FileNotFoundError:
                continue
            except OSError as error:
                errors.append(error)
    return errors


def _clear(
    entry: os.DirEntry[str], folder: int, trash: int, waiting: list[str]
) -> None:
    """Take one entry out of its folder."""
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.name, dir_fd=folder)
        return
    try:
        os.rmdir(entry.name, dir_fd=folder)
    except OSError:
        moved = _move(entry.name, folder, trash)
        if len(waiting) < MAX_WAITING_FOLDERS:
            waiting.append(moved)


def _move(name: str, parent: int, trash: int) -> str:
    """Move it into the trash under a name of its own, which is returned."""
    new = secrets.token_hex(8)
    try:
        os.rename(name, new, src_dir_fd=parent, dst_dir_fd=trash)
    except PermissionError:
        # To move a folder takes the right to write into both.
        os.fchmod(parent, 0o700)
        with contextlib.suppress(NotADirectoryError):
            os.close(_open_unlocked(name, parent))
        os.rename(name, new, src_dir_fd=parent, dst_dir_fd=trash)
    return new


def _open_unlocked(path: str | Path, parent: int | None = None) -> int:
    """Open a folder after giving ourselves every right to it."""
    with closing(os.open(path, FOLDER | os.O_PATH, dir_fd=parent)) as handle:
        # Through the handle: by its name it could be another thing by now.
        itself = f"/proc/self/fd/{handle}"
        os.chmod(itself, 0o700)
        return os.open(itself, os.O_RDONLY | os.O_CLOEXEC)


def _mount_of(fd: int) -> bytes:
    """Return the number of the mount an open file is reached by."""
    with open(f"/proc/self/fdinfo/{fd}", "rb", buffering=0) as file:
        return file.read().partition(b"mnt_id:")[2].split(None, 1)[0]


@contextlib.contextmanager
def closing(fd: int) -> Iterator[int]:
    """Close a descriptor at the end."""
    try:
        yield fd
    finally:
        os.close(fd)
