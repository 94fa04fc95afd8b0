"""A moment at which an exchange over the network ends, whatever it is waiting for."""

import socket
import threading
import time
from collections.abc import Iterable
from types import TracebackType

from functions.addresses import Address


class Deadline:
    """Ends an exchange that takes longer than `seconds`: `with` starts its timer.

    A socket limits each wait alone, so whoever sends a byte at a time could go on
    for good. The sockets given to `watch` are shut down when time is over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._ends = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the socket: another exchange may use it next."""
        self._timer.cancel()
        with self._lock:
            self._socket = None

    @property
    def left(self) -> float:
        """The seconds that are left; raises TimeoutError when none are."""
        left = self._ends - time.monotonic()
        self.is_over = self.is_over or left <= 0
        self.check()
        return left

    def check(self) -> None:
        """Raise TimeoutError when time is over."""
        if self.is_over:
            raise TimeoutError

    def connect(
        self, found: Iterable[Address], port: int, seconds: float
    ) -> socket.socket:
        """Connect to the first address that answers, within so many seconds each.

        To an address and to no name: it was judged, and a name may lead elsewhere by
        now. Raises OSError.
        """
        last: OSError = OSError()
        for address in found:
            limit = min(seconds, self.left)
            try:
                connected = socket.create_connection((str(address), port), limit)
            except OSError as error:
                last = error
                continue
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.watch(connected)
            except TimeoutError:
                connected.close()
                raise
            return connected
        raise last

    def watch(self, connection: socket.socket) -> None:
        """Shut this socket down when time is over; raises TimeoutError if it is."""
        with self._lock:
            self._socket = connection
        connection.settimeout(self.left)

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            if self._socket is None:
                return
            try:
                # The plain one: that of TLS would touch what a reader is using.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                self._socket = None
