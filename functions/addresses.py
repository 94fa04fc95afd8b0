"""Which addresses may be called for people who type them in.

- What subscribers of topics name is on the internet (`may_call_public`).
- A broker is in a private network: anywhere but on this machine and its link, where
  clouds serve credentials (`resolve_private`).
- Where services of agencies may be is said in `endpoints`.

OUTGOING_ALLOWED, hosts and networks, opens each of them further.
"""

import queue
import socket
import threading
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from functions.exceptions import FunctionsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
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
# Cloud metadata that is not link-local: AWS over IPv6, Alibaba Cloud, Azure.
METADATA = tuple(
    ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")
)


class AddressRefused(FunctionsError):
    """The host may not be called; the sentence says why."""


class AddressUnknown(FunctionsError):
    """The host has no address now; it may have one later."""


def may_call_public(host: str, address: Address) -> bool:
    """Say whether a subscriber's host may be called at that address."""
    return is_public(address) or _is_listed(host, address)


def check_private(host: str, address: Address) -> None:
    """Raise AddressRefused where a private service cannot be."""
    if is_near(address) and not _is_listed(host, _unmapped(address)):
        raise AddressRefused(
            _(
                "%(host)s is %(address)s, an address of this machine or its link. "
                "Use another, or add it to OUTGOING_ALLOWED."
            )
            % {"host": host, "address": address}
        )


def is_near(address: Address) -> bool:
    """Say whether an address is this machine, its link or nobody's in particular."""
    plain = _unmapped(address)
    return (
        plain.is_loopback
        or plain.is_link_local
        or plain.is_unspecified
        or plain.is_multicast
        or plain.is_reserved
        or plain in METADATA
    )


def resolve_private(host: str, port: int, seconds: float) -> str:
    """Return an address of a private service, IPv4 first, when all of them may be.

    Raises AddressRefused and AddressUnknown.
    """
    found = resolve(host, port, seconds)
    for address in found:
        check_private(host, address)
    return str(min(found, key=lambda address: address.version))


def is_public(address: Address) -> bool:
    """Say whether an address is one of the internet and nothing else."""
    is_special = any(
        address.version == block.version and address in block for block in NOT_PUBLIC
    )
    return address.is_global and not (is_special or address.is_multicast)


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Return a host's addresses, in the resolver's order; raises AddressUnknown.

    The resolver knows no time-out, so it is asked in a thread that may be left.
    """
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
        sentence = _("Host %(host)s is not known. Check the address.") % {"host": host}
        raise AddressUnknown(sentence) from answer
    # A scope ("%eth0") is of this machine only and has no place in the check.
    found = (ip_address(str(one[4][0]).partition("%")[0]) for one in answer)
    return list(dict.fromkeys(found))


def _is_listed(host: str, address: Address) -> bool:
    """Say whether OUTGOING_ALLOWED names the host, wherever it is, or a network."""
    entries = tuple(settings.OUTGOING_ALLOWED)
    if host.lower() in (entry.lower() for entry in entries):
        return True
    return any(
        address.version == network.version and address in network
        for network in _networks(entries)
    )


@lru_cache(maxsize=8)
def _networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    found = []
    for entry in entries:
        try:
            found.append(ip_network(entry, strict=False))
        except ValueError:
            continue
    return tuple(found)


def _unmapped(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address
