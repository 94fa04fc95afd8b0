"""The pool's end of what connects it to one child: frames, output, and its end."""

import fcntl
import math
import os
import select
import socket
import struct
import termios
import time

from functions.runtime.bootstrap.protocol import Frame, Inbox
from functions.runtime.log import Log

# Larger buffers cost more to get from the system than they save in calls.
CHUNK = 64 * 1024
INTEGER = struct.Struct("i")


class Overdue(Exception):
    """No answer came in time."""


class Died(Exception):
    """The child ended, or closed its channel, before it answered.

    `unread` says that it had not even read the request.
    """

    def __init__(self, *, unread: bool = False) -> None:
        super().__init__()
        self.unread = unread


class Channel:
    """Speaks with one child; used by one thread at a time."""

    def __init__(self, connection: socket.socket, output: int, pidfd: int) -> None:
        """Take over the three descriptors."""
        connection.setblocking(False)
        os.set_blocking(output, False)
        self._socket = connection
        self._output = output
        self._pidfd = pidfd
        self._poll = select.poll()
        self._poll.register(output, select.POLLIN)
        # A copy that user code forked may hold the socket open after the child's end.
        self._poll.register(pidfd, select.POLLIN)
        self._quiet = select.poll()
        self._quiet.register(connection, select.POLLIN)
        self._quiet.register(pidfd, select.POLLIN)

    def is_quiet(self) -> bool:
        """Say whether the child lives and has said nothing it was not asked for."""
        return not self._quiet.poll(0)

    def has_ended(self, seconds: float = 0) -> bool:
        """Say whether the process has ended, waiting for it up to some seconds."""
        waiting = select.poll()
        waiting.register(self._pidfd, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))

    @property
    def pidfd(self) -> int:
        """The descriptor that stands for the process."""
        return self._pidfd

    def exchange(self, request: bytes, seconds: float, log: Log, limit: int) -> Frame:
        """Send a request and return the answer; what is printed goes to the log.

        Raises Overdue, Died, and FrameRefused for an answer over `limit` bytes or
        without form. The log holds all that was written before the answer.
        """
        try:
            return self._exchange(request, time.monotonic() + seconds, log, limit)
        finally:
            self._read_pending(log)

    def _exchange(self, request: bytes, deadline: float, log: Log, limit: int) -> Frame:
        inbox = Inbox(limit)
        unsent = self._send(memoryview(request))
        while True:
            events = select.POLLIN | select.POLLOUT if unsent else select.POLLIN
            self._poll.register(self._socket, events)
            left = deadline - time.monotonic()
            ready = dict(self._poll.poll(max(0, math.ceil(left * 1000))))
            if ready.pop(self._output, 0):
                self._read_output(log)
            if unsent:
                unsent = self._send(unsent)
            frame = self._receive(inbox, to_the_end=self._pidfd in ready)
            if frame is not None:
                return frame
            if time.monotonic() >= deadline:
                raise Overdue

    def _send(self, data: memoryview) -> memoryview:
        try:
            return data[self._socket.send(data) :]
        except BlockingIOError:
            return data
        except OSError as error:
            raise Died(unread=True) from error

    def _receive(self, inbox: Inbox, *, to_the_end: bool) -> Frame | None:
        """Read what is there; `to_the_end`, because nothing will follow."""
        while True:
            try:
                chunk = self._socket.recv(CHUNK)
            except BlockingIOError:
                if to_the_end:
                    raise Died from None
                return None
            except ConnectionResetError:
                # What the kernel says when the other end closed with unread data.
                raise Died(unread=True) from None
            if not chunk:
                raise Died
            frame = inbox.feed(chunk)
            if frame is not None or (len(chunk) < CHUNK and not to_the_end):
                return frame

    def _read_output(self, log: Log, most: int = CHUNK) -> int:
        try:
            data = os.read(self._output, most)
        except BlockingIOError:
            return 0
        if not data:
            # All writers are gone; poll would say so again and again.
            self._poll.unregister(self._output)
            return 0
        log.write(data)
        return len(data)

    def _read_pending(self, log: Log) -> None:
        """Read what the pipe holds at this moment.

        That is all the child wrote before its answer. Not more: a process it left
        behind may write for ever.
        """
        (size,) = INTEGER.unpack(
            fcntl.ioctl(self._output, termios.FIONREAD, INTEGER.pack(0))
        )
        while size > 0:
            read = self._read_output(log, min(size, CHUNK))
            if not read:
                return
            size -= read

    def close(self) -> None:
        """Close all three; an idle child ends by it."""
        self._socket.close()
        os.close(self._output)
        os.close(self._pidfd)
