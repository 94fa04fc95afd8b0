"""An ASGI request as WSGI tells it."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper

Environ = dict[str, Any]
PIECE = 256 * 1024
OWN = ("CONTENT_TYPE", "CONTENT_LENGTH")


def environ_of(scope: dict[str, Any]) -> Environ:
    """Return the environment of a request, but for its body."""
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    return {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": _in_pieces,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_headers(scope["headers"]),
    }


def _headers(sent: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by their names in WSGI.

    A name with an underscore is dropped: there it could not be told from the one
    with a hyphen, which a proxy may have checked or written itself.
    """
    told: dict[str, str] = {}
    for raw, value in sent:
        if b"_" in raw:
            continue
        name = raw.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if name in OWN:
            told[name] = text
            continue
        name = f"HTTP_{name}"
        if name in told:
            between = "; " if name == "HTTP_COOKIE" else ","
            text = f"{told[name]}{between}{text}"
        told[name] = text
    return told


def _in_pieces(file: BinaryIO, _size: int) -> Iterator[bytes]:
    return FileWrapper(file, PIECE)
