"""Where clients connect to, and an end to their exchanges: all HTTP that leaves here.

boto3, the SDKs and `outgoing` speak through urllib3. By itself it resolves names when
it connects, so that one could lead elsewhere after it was judged. And it limits each
wait alone: who answers a byte at a time, or without end, would hold the slot of a
delivery, or memory, for good. Its pools take classes for their connections: those of
`pools` connect to the addresses that they are given, and know the limits of the
exchange they are used in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import SocketIO, gaierror, socket
from typing import Any, cast

from django.utils.translation import gettext as _
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)

from asyncconfig.clients.deadline import Deadline
from asyncconfig.exceptions import DeliveryError
from functions.addresses import Address, AddressRefused, AddressUnknown

MAX_ANSWER_MEGABYTES = 8
"""Of an answer; the longest that is asked for is a page of a listing."""


Finder = Callable[[str, int, float], list[Address]]
"""Return where a host may be called; raises AddressRefused and AddressUnknown."""


class CutOff(DeliveryError):
    """The exchange took too long, was answered too much, or may not be at all."""


class _Exchange:
    """What one call may take, and why it was cut off: a sentence, or ""."""

    def __init__(self, server: str, deadline: Deadline) -> None:
        self.deadline = deadline
        self.refusal = ""
        self._server = server
        self._bytes_left = MAX_ANSWER_MEGABYTES * 1024 * 1024
        self._is_answered = False

    def answered(self) -> None:
        """Note that nothing which is still to come matters; raises TimeoutError.

        Cut off before that, an answer may look complete: the rest of its headers is not
        missed.
        """
        self.deadline.check()
        self._is_answered = True

    def count(self, read: int) -> None:
        """Count bytes of an answer; raises OSError when they are too many."""
        self._bytes_left -= read
        if self._bytes_left < 0:
            raise OSError

    @property
    def reason(self) -> str:
        if self._is_answered:
            return ""
        if self.refusal:
            return self.refusal
        params: dict[str, Any] = {"server": self._server}
        if self._bytes_left < 0:
            params["n"] = MAX_ANSWER_MEGABYTES
            return _("%(server)s answered with more than %(n)d MB.") % params
        if self.deadline.is_over:
            params["n"] = self.deadline.seconds
            return _("%(server)s did not answer within %(n)g s.") % params
        return ""


_exchange: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(server: str, seconds: float) -> Iterator[_Exchange]:
    """Limit a call of a client to `seconds` and 8 MB of answer; raises CutOff.

    What fails within these limits is raised as it is. Its connections must not be used
    by another thread meanwhile.
    """
    with Deadline(seconds) as deadline:
        limits = _Exchange(server, deadline)
        token = _exchange.set(limits)
        try:
            yield limits
        except Exception as error:
            if reason := limits.reason:
                raise CutOff(reason, permanent=bool(limits.refusal)) from error
            raise
        finally:
            _exchange.reset(token)
        # What was cut off while its length was unknown looks complete.
        if reason := limits.reason:
            raise CutOff(reason, permanent=False)


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
    """Connects where it may, and tells the exchange which socket it waits on."""

    find: Finder
    host: str
    port: int
    timeout: float
    sock: socket | None
    response_class = _Response

    def _new_conn(self) -> socket:
        """Connect to an address that `find` allows; nothing else resolves the name."""
        limits = _exchange.get()
        if limits is None:
            raise RuntimeError("A client is used outside of an exchange.")
        urllib3: Any = self
        try:
            found = type(self).find(self.host, self.port, self.timeout)
            return limits.deadline.connect(found, self.port, self.timeout)
        except AddressRefused as error:
            limits.refusal = str(error)
            raise NewConnectionError(urllib3, "refused") from error
        except AddressUnknown as error:
            raise NameResolutionError(self.host, urllib3, gaierror()) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(urllib3, "timed out") from error
        except OSError as error:
            raise NewConnectionError(urllib3, error.strerror or "failed") from error

    def send(self, data: Any) -> None:
        # It may have been kept from an earlier exchange.
        if self.sock is not None and (limits := _exchange.get()):
            limits.deadline.watch(self.sock)
        super().send(data)  # type: ignore[misc]


def pools(
    plain: type[HTTPConnectionPool],
    secured: type[HTTPSConnectionPool],
    find: Finder,
) -> dict[str, type]:
    """Return pools by scheme for a PoolManager: as those given, yet limited.

    Their connections lead to what `find` returns, and never through a proxy.
    """
    return {"http": _limited(plain, find), "https": _limited(secured, find)}


def _limited(pool: type[HTTPConnectionPool], find: Finder) -> type:
    members = {"find": staticmethod(find)}
    connection = type("Connection", (_Connection, pool.ConnectionCls), members)
    return type("Pool", (pool,), {"ConnectionCls": connection})
