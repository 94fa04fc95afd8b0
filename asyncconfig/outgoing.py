"""The one way out for URLs that users name: to public addresses, within limits.

A host is resolved once and exactly that address is connected to, so that a name
cannot point elsewhere between the check and the call. No redirect is followed, no
proxy is asked, certificates are verified, and everything has an end: connecting,
the whole exchange, and how much of an answer is read.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig.exceptions import DeliveryError
from functions import addresses
from functions.addresses import Address, AddressUnknown

MOST_ANSWER = 64 * 1024
MOST_URL = 1024
MOST_HOST = 253
PORTS = {"http": 80, "https": 443}


class Refused(DeliveryError):
    """A URL that is not called, whoever asks; trying again cannot help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class Unreachable(DeliveryError):
    """The other side did not answer as HTTP has it; it may later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=False)


@dataclass(frozen=True)
class Answer:
    """What came back; of the body the first 64 KB at the most."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Link:
    """A URL taken apart; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def read(url: str) -> Link:
    """Take a URL apart; raises Refused for anything but plain http and https."""
    if len(url) > MOST_URL or not url.isprintable() or " " in url:
        raise Refused(_("Write a URL of at most 1024 characters, without spaces."))
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
    except (ValueError, UnicodeError):
        parts, port, host = urlsplit(""), None, ""
    if parts.scheme not in PORTS or not 0 < len(host) <= MOST_HOST:
        raise Refused(_("Write a whole URL that begins with http:// or https://."))
    if "@" in parts.netloc:
        raise Refused(_("Leave user name and password out of the URL."))
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    whole = f"{path}?{query}" if query else path
    return Link(parts.scheme, host.lower(), port or PORTS[parts.scheme], whole)


def check(url: str) -> Link:
    """Read a URL and see that its host may be called; raises Refused.

    A name that cannot be resolved just now passes: it is looked at again when called.
    """
    link = read(url)
    with suppress(Unreachable):
        _addresses(link, settings.OUTGOING_CONNECT_SECONDS)
    return link


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send the body, and return the answer; raises Refused and Unreachable."""
    link = read(url)
    guard = _Guard(settings.OUTGOING_TOTAL_SECONDS)
    with guard:
        found = _addresses(link, settings.OUTGOING_CONNECT_SECONDS)
        try:
            return _exchange(link, found, body, headers, guard)
        except (OSError, http.client.HTTPException) as error:
            if guard.is_over:
                told = {"place": link.place, "n": settings.OUTGOING_TOTAL_SECONDS}
                sentence = _("%(place)s did not answer within %(n)g s.") % told
            else:
                sentence = _trouble(link, error)
            raise Unreachable(sentence) from error


def _trouble(link: Link, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _("The certificate of %(place)s is not trusted: %(reason)s.") % {
            "place": link.place,
            "reason": error.verify_message,
        }
    if isinstance(error, TimeoutError):
        return _("%(place)s did not answer in time.") % {"place": link.place}
    return _("%(place)s cannot be reached: %(reason)s.") % {
        "place": link.place,
        "reason": getattr(error, "strerror", "") or str(error) or type(error).__name__,
    }


def _addresses(link: Link, seconds: float) -> list[Address]:
    """Resolve a host and return what may be called of it, in the resolver's order."""
    try:
        found = addresses.resolve(link.host, link.port, seconds)
    except AddressUnknown as error:
        raise Unreachable(str(error)) from error
    allowed = [one for one in found if addresses.may_call_public(link.host, one)]
    if not allowed:
        raise Refused(
            _(
                "%(host)s is a private or reserved address, which is not called. "
                "An operator may allow it with OUTGOING_ALLOWED."
            )
            % {"host": link.host}
        )
    return allowed


class _Guard:
    """Ends an exchange that takes too long, whatever it is waiting for."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._ends = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "_Guard":
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

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

    def watch(self, connection: socket.socket) -> None:
        with self._lock:
            self._socket = connection
        connection.settimeout(self.left)

    def _end(self) -> None:
        self.is_over = True
        with self._lock:
            if self._socket is None:
                return
            try:
                # The plain one: that of TLS would touch what a reader is using.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                self._socket = None


def _exchange(
    link: Link,
    found: list[Address],
    body: bytes,
    headers: Mapping[str, str],
    guard: _Guard,
) -> Answer:
    plain = _connect(link, found, guard)
    with plain:
        connection = http.client.HTTPConnection(link.host, link.port)
        connection.default_port = PORTS[link.scheme]
        secured = _secure(link, plain, guard)
        with secured:
            connection.sock = secured
            # Without it a closed connection is opened again, by name.
            connection.auto_open = 0
            connection.request("POST", link.path, body, dict(headers))
            with connection.getresponse() as response:
                # Cut off within the headers, they look complete.
                guard.check()
                return Answer(response.status, _read(response))


def _read(response: http.client.HTTPResponse) -> bytes:
    """Return the start of the body; the status has said already what counts."""
    try:
        return response.read(MOST_ANSWER)
    except (OSError, http.client.HTTPException):
        return b""


def _connect(link: Link, found: list[Address], guard: _Guard) -> socket.socket:
    """Connect to the first address that answers: to it, not to the name."""
    last: OSError = OSError()
    for address in found:
        seconds = min(settings.OUTGOING_CONNECT_SECONDS, guard.left)
        try:
            connected = socket.create_connection((str(address), link.port), seconds)
        except OSError as error:
            last = error
            continue
        guard.watch(connected)
        return connected
    raise last


def _secure(link: Link, plain: socket.socket, guard: _Guard) -> socket.socket:
    if link.scheme == "http":
        return plain
    secured = ssl.create_default_context().wrap_socket(
        plain, server_hostname=link.host, do_handshake_on_connect=False
    )
    try:
        guard.watch(secured)
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured
