"""The data directory: its lock, its socket, the port. Each trouble is a sentence."""

import errno
import fcntl
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import IO

SOCKET_PATH_BYTES = 100


class CannotStart(Exception):
    """The installation cannot start here; the message says what to do."""


def claim(data_dir: Path) -> IO[str]:
    """Make the directory and hold it for this process; raises CannotStart."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise CannotStart(
            f"The data directory {data_dir} cannot be used: {error.strerror}. "
            "Choose another one with --data-dir."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        raise CannotStart(
            f"The console runs already on {data_dir} (process {lock.read() or '?'}). "
            "Stop it first, or choose another --data-dir."
        ) from error
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def hold_port(port: int) -> socket.socket:
    """Keep other consoles off a port of this network for as long as the socket is open.

    The web server shares its port with whoever asks for that, another one of its
    kind above all. Raises CannotStart when another console holds the port.
    """
    if not 0 < port < 65_536:
        raise CannotStart(f"{port} is not a port. Choose one from 1 to 65535.")
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.bind(f"\0fgconsole:port:{port}")
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise CannotStart(
            f"Another console runs on port {port} of this machine. "
            "Stop it first, or choose another port with --port."
        ) from error
    return held


def check_port(host: str, port: int) -> None:
    """Raise CannotStart when nothing can listen there without sharing the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} on {host} cannot be used: {error.strerror}. "
                "Choose another one with --port."
            ) from error


def socket_path(data_dir: Path) -> Path:
    """Return the folder for sockets, which may not be there yet.

    It is the same at each start, and short enough for a socket's name.
    """
    folder = data_dir / "run"
    if len(os.fsencode(folder / "valkey.sock")) <= SOCKET_PATH_BYTES:
        return folder
    of_whom = f"{os.getuid()}:".encode() + os.fsencode(data_dir.resolve())
    name = f"fgconsole-{hashlib.sha256(of_whom).hexdigest()[:20]}"
    return Path(tempfile.gettempdir()) / name


def socket_folder(data_dir: Path) -> Path:
    """Return the folder for sockets, made if it was missing; only we can enter it.

    Raises CannotStart where somebody else has made the one outside of `data_dir`.
    """
    folder = socket_path(data_dir)
    if folder.parent != data_dir:
        return _made_among_others(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _made_among_others(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} for sockets cannot be used: {error.strerror}. "
            "Choose a shorter --data-dir."
        ) from error
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_ours or stat.S_IMODE(found.st_mode) != 0o700:
        raise CannotStart(
            f"The folder {folder} for sockets is not yours alone. "
            "Remove it, or choose a shorter --data-dir."
        )
    return folder
