"""The one way out for URLs that users name: to public addresses, within limits.

A host is resolved once and exactly that address is connected to, so that a name
cannot point elsewhere between the check and the call. No redirect is followed, no
proxy is asked, certificates are verified, and everything has an end: connecting,
the whole exchange, and how much of an answer is read.
"""

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig.exceptions import DeliveryError

Address = IPv4Address | IPv6Address
MOST_ANSWER = 64 * 1024
MOST_URL = 1024
MOST_HOST = 253
PORTS = {"http": 80, "https": 443}
# Public by the registries, yet not the internet: tunnels and translations that end
# in another address, and the metadata service that lives at a public one.
NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fec0::/10",
    )
)


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
        addresses = _addresses(link, settings.OUTGOING_CONNECT_SECONDS)
        try:
            return _exchange(link, addresses, body, headers, guard)
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


def is_public(address: Address) -> bool:
    """Say whether an address is one of the internet and nothing else."""
    inside = any(
        address.version == block.version and address in block for block in NOT_PUBLIC
    )
    return address.is_global and not (inside or address.is_multicast)


@lru_cache(maxsize=8)
def _networks(entries: tuple[str, ...]) -> tuple[Any, ...]:
    found = []
    for entry in entries:
        try:
            found.append(ip_network(entry, strict=False))
        except ValueError:
            continue
    return tuple(found)


def is_allowed(host: str, address: Address) -> bool:
    """Say whether a host may be called at that address.

    `OUTGOING_ALLOWED` names hosts, whatever they resolve to, and networks.
    """
    entries = tuple(settings.OUTGOING_ALLOWED)
    if is_public(address) or host in (entry.lower() for entry in entries):
        return True
    return any(
        address.version == network.version and address in network
        for network in _networks(entries)
    )


def _addresses(link: Link, seconds: float) -> list[Address]:
    """Resolve a host and return what may be called of it, in the resolver's order."""
    found = list(dict.fromkeys(_resolve(link.host, link.port, seconds)))
    allowed = [address for address in found if is_allowed(link.host, address)]
    if not allowed:
        raise Refused(
            _(
                "%(host)s is a private or reserved address, which is not called. "
                "An operator may allow it with OUTGOING_ALLOWED."
            )
            % {"host": link.host}
        )
    return allowed


def _resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Ask the resolver, which knows no time-out, in a thread that may be left."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        answer = TimeoutError()
    if isinstance(answer, Exception):
        sentence = _("The host %(host)s cannot be resolved.") % {"host": host}
        raise Unreachable(sentence) from answer
    # A scope ("%eth0") is of this machine only and has no place in the check.
    return [ip_address(str(found[4][0]).partition("%")[0]) for found in answer]


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
    addresses: list[Address],
    body: bytes,
    headers: Mapping[str, str],
    guard: _Guard,
) -> Answer:
    plain = _connect(link, addresses, guard)
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


def _connect(link: Link, addresses: list[Address], guard: _Guard) -> socket.socket:
    """Connect to the first address that answers: to it, not to the name."""
    last: OSError = OSError()
    for address in addresses:
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
