"""The one way out for URLs that users name: to public addresses, within limits.

A host is resolved once and exactly that address is connected to, so that a name
cannot point elsewhere between the check and the call. No redirect is followed, no
proxy is asked, certificates are verified, and everything has an end: connecting,
the whole exchange, and how much of an answer is read.
"""

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig.clients.deadline import Deadline
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
    with Deadline(settings.OUTGOING_TOTAL_SECONDS) as deadline:
        found = _addresses(link, settings.OUTGOING_CONNECT_SECONDS)
        try:
            return _exchange(link, found, body, headers, deadline)
        except (OSError, http.client.HTTPException) as error:
            if deadline.is_over:
                told = {"place": link.place, "n": deadline.seconds}
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
    if isinstance(error, http.client.HTTPException):
        # What it says instead would be shown to whoever named the address.
        return _("What answers at %(place)s does not speak HTTP.") % {
            "place": link.place
        }
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


def _exchange(
    link: Link,
    found: list[Address],
    body: bytes,
    headers: Mapping[str, str],
    deadline: Deadline,
) -> Answer:
    plain = deadline.connect(found, link.port, settings.OUTGOING_CONNECT_SECONDS)
    with plain:
        connection = http.client.HTTPConnection(link.host, link.port)
        connection.default_port = PORTS[link.scheme]
        secured = _secure(link, plain, deadline)
        with secured:
            connection.sock = secured
            # Without it a closed connection is opened again, by name.
            connection.auto_open = 0
            connection.request("POST", link.path, body, dict(headers))
            with connection.getresponse() as response:
                # Cut off within the headers, they look complete.
                deadline.check()
                return Answer(response.status, _read(response))


def _read(response: http.client.HTTPResponse) -> bytes:
    """Return the start of the body; the status has said already what counts."""
    try:
        return response.read(MOST_ANSWER)
    except (OSError, http.client.HTTPException):
        return b""


def _secure(link: Link, plain: socket.socket, deadline: Deadline) -> socket.socket:
    if link.scheme == "http":
        return plain
    secured = ssl.create_default_context().wrap_socket(
        plain, server_hostname=link.host, do_handshake_on_connect=False
    )
    try:
        deadline.watch(secured)
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured
