"""An end to whole exchanges of clients that limit each wait alone: boto3 and the SDKs.

Who answers a byte at a time, or without end, would hold the slot of a delivery, or
memory, for good. Both clients speak through urllib3, whose pools take classes for
their connections: those of `pools` know the limits of the exchange they are used in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import SocketIO, socket
from typing import Any, cast

from django.utils.translation import gettext as _
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from asyncconfig.deadline import Deadline
from asyncconfig.exceptions import DeliveryError

MOST_MEGABYTES = 8
"""Of an answer; the longest that is asked for is a page of a listing."""


class CutOff(DeliveryError):
    """The exchange took too long, or the answer was too large; it may be later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


class _Exchange:
    """What one call may take, and why it was cut off: a sentence, or ""."""

    def __init__(self, place: str, deadline: Deadline) -> None:
        self._place = place
        self._deadline = deadline
        self._bytes_left = MOST_MEGABYTES * 1024 * 1024

    def watch(self, connection: socket) -> None:
        self._deadline.watch(connection)

    def count(self, read: int) -> None:
        """Count bytes of an answer; raises OSError when they are too many."""
        self._bytes_left -= read
        if self._bytes_left < 0:
            raise OSError

    @property
    def reason(self) -> str:
        told: dict[str, Any] = {"place": self._place}
        if self._bytes_left < 0:
            told["n"] = MOST_MEGABYTES
            return _("%(place)s answered with more than %(n)d MB.") % told
        if self._deadline.is_over:
            told["n"] = self._deadline.seconds
            return _("%(place)s did not answer within %(n)g s.") % told
        return ""


_exchange: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(place: str, seconds: float) -> Iterator[None]:
    """Limit a call of a client to `seconds` and 8 MB of answer; raises CutOff.

    What fails within these limits is raised as it is.
    """
    with Deadline(seconds) as deadline:
        limits = _Exchange(place, deadline)
        token = _exchange.set(limits)
        try:
            yield
        except Exception as error:
            if reason := limits.reason:
                raise CutOff(reason) from error
            raise
        finally:
            _exchange.reset(token)
        # What was cut off while its length was unknown looks complete.
        if reason := limits.reason:
            raise CutOff(reason)


class _Counted(RawIOBase):
    """The reading side of a connection; counts what an exchange reads."""

    def __init__(self, raw: SocketIO) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        read = self._raw.readinto(buffer)
        if limits := _exchange.get():
            limits.count(read or 0)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        raw = cast(SocketIO, self.fp.detach())
        self.fp = BufferedReader(_Counted(raw))


class _Connection:
    """Tells the exchange which socket it waits on, new or kept from an earlier one."""

    sock: socket | None
    response_class = _Response

    def _new_conn(self) -> socket:
        plain: socket = super()._new_conn()  # type: ignore[misc]
        _watch(plain)
        return plain

    def send(self, data: Any) -> None:
        if self.sock is not None:
            _watch(self.sock)
        super().send(data)  # type: ignore[misc]


def _watch(connection: socket) -> None:
    if limits := _exchange.get():
        limits.watch(connection)


def pools(
    plain: type[HTTPConnectionPool], secured: type[HTTPSConnectionPool]
) -> dict[str, type]:
    """Return pools by scheme for a PoolManager: as those given, yet limited."""
    return {"http": _limited(plain), "https": _limited(secured)}


def _limited(pool: type[HTTPConnectionPool]) -> type:
    connection = type("Connection", (_Connection, pool.ConnectionCls), {})
    return type("Pool", (pool,), {"ConnectionCls": connection})
