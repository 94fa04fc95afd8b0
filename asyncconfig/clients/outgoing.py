"""The one way out for URLs that users name: to public addresses, within limits.

A host is resolved once and exactly that address is connected to, so that a name
cannot point elsewhere between the check and the call. No redirect is followed, no
proxy is asked, certificates are verified, and everything has an end: connecting,
the whole exchange, and how much of an answer is read.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from django.conf import settings
from django.utils.translation import gettext as _
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,
)

from asyncconfig.clients import bounded
from asyncconfig.exceptions import DeliveryError
from functions import addresses
from functions.addresses import Address, AddressRefused, AddressUnknown

MAX_ANSWER_BYTES = 64 * 1024
MAX_URL_CHARACTERS = 1024
MAX_HOST_CHARACTERS = 253
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
class HttpAnswer:
    """What came back; at most the first 64 KB of the body."""

    status: int
    body: bytes


@dataclass(frozen=True)
class ParsedUrl:
    """A URL taken apart; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def server(self) -> str:
        return f"{self.host}:{self.port}"


def read(url: str) -> ParsedUrl:
    """Take a URL apart; raises Refused for anything but plain http and https."""
    if len(url) > MAX_URL_CHARACTERS or not url.isprintable() or " " in url:
        raise Refused(_("Write a URL of at most 1024 characters, without spaces."))
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
    except (ValueError, UnicodeError):
        parts, port, host = urlsplit(""), None, ""
    if parts.scheme not in PORTS or not 0 < len(host) <= MAX_HOST_CHARACTERS:
        raise Refused(_("Write a whole URL that begins with http:// or https://."))
    if "@" in parts.netloc:
        raise Refused(_("Leave user name and password out of the URL."))
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    whole = f"{path}?{query}" if query else path
    return ParsedUrl(parts.scheme, host.lower(), port or PORTS[parts.scheme], whole)


def check(url: str) -> ParsedUrl:
    """Read a URL and see that its host may be called; raises Refused.

    A name that cannot be resolved just now passes: it is looked at again when called.
    """
    link = read(url)
    try:
        _find(link.host, link.port, settings.OUTGOING_CONNECT_SECONDS)
    except AddressRefused as error:
        raise Refused(str(error)) from error
    except AddressUnknown:
        pass
    return link


def post(url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
    """Send the body, and return the answer; raises Refused and Unreachable."""
    link = read(url)
    try:
        with (
            bounded.exchange(link.server, settings.OUTGOING_TOTAL_SECONDS) as limits,
            _pool(link) as pool,
        ):
            answer = pool.urlopen(
                "POST",
                link.path,
                body,
                dict(headers),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            limits.answered()
            return HttpAnswer(answer.status, _start_of(answer))
    except bounded.CutOff as error:
        failure = Refused if error.permanent else Unreachable
        raise failure(str(error)) from error
    except HTTPError as error:
        raise Unreachable(_trouble(link, error)) from error


def _find(host: str, port: int, seconds: float) -> list[Address]:
    """Resolve a host and return what may be called of it, in the resolver's order.

    Raises AddressRefused and AddressUnknown.
    """
    found = addresses.resolve(host, port, seconds)
    allowed = [one for one in found if addresses.may_call_public(host, one)]
    if not allowed:
        raise AddressRefused(
            _(
                "%(host)s is a private or reserved address, which is not called. "
                "An operator may allow it with OUTGOING_ALLOWED."
            )
            % {"host": host}
        )
    return allowed


POOLS = bounded.pools(HTTPConnectionPool, HTTPSConnectionPool, _find)


def _pool(link: ParsedUrl) -> Any:
    """Return a pool for one call: nothing is kept of what users name."""
    waits = urllib3.Timeout(
        connect=settings.OUTGOING_CONNECT_SECONDS, read=settings.OUTGOING_TOTAL_SECONDS
    )
    trust = (
        {"ssl_context": ssl.create_default_context()} if link.scheme == "https" else {}
    )
    return POOLS[link.scheme](link.host, link.port, timeout=waits, **trust)


def _start_of(answer: urllib3.BaseHTTPResponse) -> bytes:
    """Return the start of the body; the status has said already what counts."""
    try:
        return answer.read(MAX_ANSWER_BYTES)
    except HTTPError:
        return b""


def _trouble(link: ParsedUrl, error: HTTPError) -> str:
    facts: dict[str, Any] = {"server": link.server, "host": link.host}
    cause = error.args[-1] if isinstance(error, SSLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        facts["reason"] = cause.verify_message
        return _("The certificate of %(server)s is not trusted: %(reason)s.") % facts
    if isinstance(error, NameResolutionError):
        return str(error.__cause__)
    # urllib3 takes a connection that was refused for one that came too late.
    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        return _("%(server)s did not answer in time.") % facts
    if isinstance(error, ProtocolError):
        # What it says instead would be shown to whoever named the address.
        return _("The server at %(server)s does not speak HTTP.") % facts
    facts["reason"] = _reason(error)
    return _("%(server)s cannot be reached: %(reason)s.") % facts


def _reason(error: HTTPError) -> str:
    """Return what the system said, without urllib3's own words around it."""
    cause = error.__cause__ or error.args[-1]
    return getattr(cause, "strerror", "") or type(cause).__name__
