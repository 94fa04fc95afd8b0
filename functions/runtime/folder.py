"""The folders of a pool and of its instances, to which user code may do anything."""

import contextlib
import fcntl
import logging
import os
import secrets
import time
from pathlib import Path
from threading import Lock

from functions.runtime.trash import FOLDER, Trash, closing

# The most that is measured of an instance's files after each run.
MAX_MEASURED_FILES = 1000
MAX_WAITING_FOLDERS = 16
MAX_MEASURING_SECONDS = 0.05
TRIES = 5
CLOSE_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Home:
    """A pool's own folder below `root/pools`; a lock on it says that the pool lives.

    Where user code has taken it away, there is another one for the next instance.
    """

    def __init__(self, root: Path) -> None:
        """Make it, and move aside those whose pools are gone; raises OSError."""
        self._pools = root / "pools"
        self.trash = Trash(root / "trash")
        self._turn = Lock()
        self._is_closed = False
        self._take_the_dead()
        self._path, self._fd = _claim(self._pools)

    def path(self) -> Path:
        """Return where it is now; what is put there goes with the pool."""
        with self._turn:
            self._be_there()
            return self._path

    def new_folder(self, name: str, code: Path, uid: int | None = None) -> "Folder":
        """Make an instance's folder, with its code in it; raises OSError.

        What it may write to belongs to `uid`, if one is given.
        """
        with self._turn:
            self._be_there()
            os.mkdir(name, dir_fd=self._fd)
            folder = Folder(self, self._path / name)
        try:
            folder.furnish(code, uid)
        except OSError:
            folder.discard()
            raise
        return folder

    def _be_there(self) -> None:
        if not is_at(self._path, self._fd):
            gone = self._fd
            self._path, self._fd = _claim(self._pools)
            os.close(gone)

    def discard(self, name: str) -> None:
        """Move an instance's folder aside; it is removed in the background."""
        with self._turn:
            # A closed home has gone with all that was in it.
            if not self._is_closed:
                self.trash.take(name, parent=self._fd)

    def close(self) -> None:
        """Move the whole folder aside, and give its removal a moment."""
        with self._turn, closing(self._fd):
            self._is_closed = True
            try:
                self._take(self._path.name)
            except OSError as error:
                logger.warning("The pool's folder stays: %s", error.strerror)
        self.trash.close(seconds=CLOSE_SECONDS)

    def _take(self, name: str) -> None:
        with closing(os.open(self._pools, FOLDER)) as pools:
            self.trash.take(name, parent=pools)

    def _take_the_dead(self) -> None:
        self._pools.mkdir(parents=True, exist_ok=True)
        for name in os.listdir(self._pools):
            with contextlib.suppress(OSError):
                if _is_dead(self._pools / name):
                    self._take(name)


class Folder:
    """An instance's working directory: `code`, and `tmp` and `log` to write to."""

    def __init__(self, home: Home, path: Path) -> None:
        """Take one over that has just been made; raises OSError."""
        self.path = path
        self._home = home
        self._fd = os.open(path, FOLDER)

    def furnish(self, code: Path, uid: int | None) -> None:
        """Make what belongs in it; raises OSError."""
        for name in ("tmp", "log"):
            os.mkdir(name, 0o777 if uid is None else 0o700, dir_fd=self._fd)
            if uid is not None:
                os.chown(name, uid, -1, dir_fd=self._fd)
        if uid is not None:
            os.fchmod(self._fd, 0o755)
        os.symlink(code / "code", "code", dir_fd=self._fd)

    def storage_bytes(self) -> int:
        """Return the size of the temporary files, as far as that is quickly told.

        Counts MAX_MEASURED_FILES files and folders, within MAX_MEASURING_SECONDS, at
        the most; what is no longer a folder of ours is 0.
        """
        with contextlib.suppress(OSError):
            return _size_of(os.open("tmp", FOLDER, dir_fd=self._fd))
        return 0

    def discard(self) -> None:
        """Have it removed; raises OSError."""
        os.close(self._fd)
        self._home.discard(self.path.name)


def _size_of(folder: int) -> int:
    """Return the size of what is in an open folder, and close it."""
    size = seen = 0
    ends_at = time.monotonic() + MAX_MEASURING_SECONDS
    waiting = [folder]
    try:
        while waiting:
            with closing(waiting.pop()) as inner, os.scandir(inner) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_MEASURED_FILES or time.monotonic() > ends_at:
                        return size
                    size += _measured(entry, inner, waiting)
        return size
    finally:
        for left in waiting:
            os.close(left)


def _measured(entry: os.DirEntry[str], folder: int, waiting: list[int]) -> int:
    """Return a file's size; a folder is opened to be measured later."""
    with contextlib.suppress(OSError):
        if not entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_size
        if len(waiting) < MAX_WAITING_FOLDERS:
            waiting.append(os.open(entry.name, FOLDER, dir_fd=folder))
    return 0


def _claim(pools: Path) -> tuple[Path, int]:
    """Make a folder that is locked as long as its descriptor is open."""
    pools.mkdir(parents=True, exist_ok=True)
    for _ in range(TRIES):
        path = pools / secrets.token_hex(6)
        path.mkdir()
        fd = os.open(path, FOLDER)
        # Until it is locked another pool may take it for a dead one's.
        if _lock(fd) and is_at(path, fd):
            return path, fd
        os.close(fd)
    raise FileNotFoundError("The folder of the pool is taken away again and again.")


def _lock(fd: int) -> bool:
    """Lock an open folder unless somebody else has; not every file system can."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def is_at(path: Path, fd: int) -> bool:
    """Say whether an open folder is still the one that is found by its path."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except OSError:
        return False


def _is_dead(path: Path) -> bool:
    """Say whether it is no folder of a living pool; raises OSError if nobody knows."""
    try:
        fd = os.open(path, FOLDER)
    except NotADirectoryError:
        return True
    with closing(fd):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
