"""Where the services of agencies may be, which are called with the agencies' keys.

Over TLS, whose certificate proves who answers, they may be anywhere on the internet and
in the private networks that OUTGOING_ALLOWED names; without it at AGENCY_HTTP_HOSTS. On
this machine and its link, where others trust whoever comes from here, host *and port*
must be named: by AGENCY_HTTP_HOSTS, or as this installation's own, which are its web
address (PUBLIC_URL) and its object storage (OBS_ENDPOINT).
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from functions import addresses
from functions.addresses import Address, AddressRefused, AddressUnknown

PORTS = {"http": 80, "https": 443}
RESOLVE_SECONDS = 2.0
HERE = frozenset(ip_address(text) for text in ("127.0.0.1", "::1"))


@dataclass(frozen=True)
class Server:
    """A host and port; any port, where it is None."""

    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    def is_host(self, host: str, address: Address | None) -> bool:
        """Say whether a host is this one, by name or by the address it has."""
        return host == self.host or address in _literal(self.host)


def check(url: str) -> None:
    """Raise AddressRefused for what is not the plain address of a service.

    Asks nobody: names are resolved, and judged, when they are called.
    """
    server, scheme = _read(url)
    if scheme == "http" and not _may_be_plain(server):
        raise AddressRefused(_use_https())
    if literal := _literal(server.host):
        _judge(server, sorted(literal, key=str))


def examine(url: str) -> None:
    """Check a URL, and where its host is just now; raises AddressRefused.

    A name that nobody knows now passes: it is judged again when it is called.
    """
    check(url)
    server, _scheme = _read(url)
    with suppress(AddressUnknown):
        resolve(server.host, int(server.port or 0), RESOLVE_SECONDS)


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Return the addresses at which a service may be called, within so many seconds.

    Whoever connects does so to these and not to the name, which may be somewhere else
    a moment later. Raises AddressRefused, and AddressUnknown.
    """
    server = Server(_plain_host(host), port)
    return _judge(server, addresses.resolve(server.host, port, seconds))


def _judge(server: Server, found: list[Address]) -> list[Address]:
    allowed = [address for address in found if _may_call(server, address)]
    if allowed:
        return allowed
    if any(addresses.is_near(address) for address in found):
        raise AddressRefused(
            _(
                "%(host)s is this machine or its link. An operator may allow it, with "
                "its port, in AGENCY_HTTP_HOSTS."
            )
            % {"host": server.host}
        )
    raise AddressRefused(
        _(
            "%(host)s is a private or reserved address, which is not called. "
            "An operator may allow it with OUTGOING_ALLOWED."
        )
        % {"host": server.host}
    )


def _may_call(server: Server, address: Address) -> bool:
    is_near = addresses.is_near(address)
    for named in (*_own(), *_listed()):
        is_port = named.port == server.port or (named.port is None and not is_near)
        if is_port and named.is_host(server.host, address):
            return True
    return not is_near and addresses.may_call_public(server.host, address)


def _may_be_plain(server: Server) -> bool:
    known = _literal(server.host) or {None}
    return any(
        named.port in (None, server.port) and named.is_host(server.host, address)
        for named in (*_own(), *_listed())
        for address in known
    )


def _use_https() -> str:
    hosts = ", ".join(dict.fromkeys(str(server) for server in (*_own(), *_listed())))
    sentence = _("Use https. Without it only these are allowed: %(hosts)s.")
    return sentence % {"hosts": hosts}


def _own() -> list[Server]:
    """Return where this installation itself is reached."""
    found = []
    for url in (settings.PUBLIC_URL, settings.OBS_ENDPOINT):
        with suppress(AddressRefused):
            found.append(_read(url)[0])
    return found


def _listed() -> tuple[Server, ...]:
    return _parsed(tuple(settings.AGENCY_HTTP_HOSTS))


@lru_cache(maxsize=8)
def _parsed(entries: tuple[str, ...]) -> tuple[Server, ...]:
    """Read entries: `host`, `host:port`, `[::1]:port`, or `::1`."""
    found = []
    for entry in entries:
        host, _colon, port = entry.rpartition(":")
        if port.isascii() and port.isdigit() and (":" not in host or host[-1] == "]"):
            found.append(Server(_plain_host(host.strip("[]")), int(port)))
        else:
            found.append(Server(_plain_host(entry.strip("[]")), None))
    return tuple(found)


def _read(url: str) -> tuple[Server, str]:
    parts = _plain(url)
    host = parts.hostname if parts else ""
    if parts is None or not host or parts.scheme not in PORTS:
        raise AddressRefused(
            _("Write the service's address, for example https://obs.example.com.")
        )
    server = Server(_plain_host(host), parts.port or PORTS[parts.scheme])
    return server, parts.scheme


def _plain(url: str) -> SplitResult | None:
    """Return a URL of nothing but scheme, host, port and path; None for others."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return None
    has_others = parts.query or parts.fragment or "@" in parts.netloc
    if has_others or not url.isprintable() or any(c.isspace() for c in url):
        return None
    return parts


def _plain_host(host: str) -> str:
    return host.lower().rstrip(".")


def _literal(host: str) -> frozenset[Address]:
    """Return the addresses that a host says itself; those of this machine have a name.

    Of the many ways to write an address only the usual one is read here: the others
    are for the resolver, like names.
    """
    if host == "localhost":
        return HERE
    try:
        return frozenset({ip_address(host)})
    except ValueError:
        return frozenset()
