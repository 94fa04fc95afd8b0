"""A line to PostgreSQL that can be cut without anybody being told."""

import socket
import threading
from contextlib import contextmanager, suppress

from django.db import connection


class Proxy:
    """Passes bytes on both ways until it is frozen; its connections stay open.

    `reach` returns a new socket to the far end.
    """

    def __init__(self, reach):
        self._reach = reach
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self):
        return self._listener.getsockname()[1]

    @property
    def url(self):
        """The address of the tests' own database, as seen through this line."""
        known = connection.settings_dict
        return f"postgres://{known['USER']}@127.0.0.1:{self.port}/{known['NAME']}"

    def freeze(self):
        self._flows.clear()

    def thaw(self):
        self._flows.set()

    def close(self):
        self.thaw()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self):
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                try:
                    far = self._reach()
                except OSError:
                    near.close()
                    continue
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source, target):
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flows.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def unix_socket(path):
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made


def _server():
    known = connection.settings_dict
    if not known["HOST"].startswith("/"):
        return socket.create_connection((known["HOST"], known["PORT"] or 5432))
    return unix_socket(f"{known['HOST']}/.s.PGSQL.{known['PORT'] or 5432}")


@contextmanager
def proxied():
    made = Proxy(_server)
    try:
        yield made
    finally:
        made.close()
