"""How the web server is started, by `up` and by `manage.py web` alike."""

import sys
from pathlib import Path

from django.conf import settings

HEAD_SECONDS = 10
HEAD_BYTES = 64 * 1024
CONNECTIONS = 1024


def command(host: str, port: int, *, processes: int) -> list[str]:
    """Return the command line of the web server.

    It speaks HTTP/1.1 only: with HTTP/2 one connection brings hundreds of requests,
    whose heads nothing times out. The same 10 s end a connection that is kept but
    not used. Each process takes 1,024 connections; threads are the application's own.
    """
    return [
        *(str(Path(sys.executable).with_name("granian")), "console.asgi:application"),
        *("--interface", "asginl", "--http", "1", "--no-ws"),
        *("--host", host, "--port", str(port), "--workers", str(processes)),
        *("--backpressure", str(CONNECTIONS)),
        *("--http1-header-read-timeout", str(HEAD_SECONDS * 1000)),
        *("--http1-buffer-size", str(HEAD_BYTES)),
        *("--working-dir", str(settings.BASE_DIR)),
        *("--workers-kill-timeout", "5", "--log-level", "warning"),
    ]
