"""A request's body on its way in."""

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from django.conf import settings

Receive = Callable[[], Awaitable[dict[str, Any]]]
IN_MEMORY = 256 * 1024


class ClientGone(Exception):
    """The client went away before its request was complete."""


class Body:
    """A body of a declared size in bytes.

    It is kept in memory up to 256 KB, in a file without a name beyond that: nothing
    is left behind, whatever dies.
    """

    def __init__(self, receive: Receive, size: int) -> None:
        self._receive = receive
        self._size = size
        self._reading: asyncio.Task[None] | None = None
        self._file: BinaryIO | None = None
        self.is_whole = size == 0

    @property
    def file(self) -> BinaryIO:
        """What has come in; nothing, unless it is whole."""
        return self._file if self.is_whole and self._file else BytesIO()

    async def arrive(self, seconds: float) -> bool:
        """Wait until it is whole; return False after `seconds`, and go on reading.

        Raises ClientGone, and OSError when there is no room for it.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_note)
        done, _rest = await asyncio.wait((self._reading,), timeout=seconds)
        if not done:
            return False
        self._reading.result()
        self.is_whole = True
        return True

    def close(self) -> None:
        """Read no more, and forget what came in.

        The server ends the connection once nobody holds what reads from it: a task
        that was cancelled would, by the frames of its exception.
        """
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._file is not None:
            self._file.close()

    async def _read(self) -> None:
        self._file = file = self._open()
        missing = self._size
        while missing > 0:
            message = await self._receive()
            piece = message.get("body", b"")
            missing -= len(piece)
            if missing > 0 and not message.get("more_body"):
                raise ClientGone
            file.write(piece)
        file.seek(0)

    def _open(self) -> BinaryIO:
        if self._size <= IN_MEMORY:
            return BytesIO()
        return cast(BinaryIO, TemporaryFile(dir=settings.DATA_DIR))


def _note(reading: asyncio.Task[None]) -> None:
    """Take notice of how a reading ended: perhaps nobody is waiting for it now."""
    if not reading.cancelled():
        reading.exception()
