"""Which addresses a private service may have: a guard for what people type in.

Instances in a VPC have private addresses, so these are allowed. The host itself and
its link (where clouds serve credentials) are not, unless OUTGOING_ALLOWED lists them.
"""

import socket
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv6Address,
    ip_address,
    ip_network,
)

from django.conf import settings
from django.utils.translation import gettext as _

from asyncconfig.exceptions import AsyncConfigError

Address = IPv4Address | IPv6Address
# Cloud metadata that is not link-local: AWS over IPv6, Alibaba Cloud.
METADATA = (ip_address("fd00:ec2::254"), ip_address("100.100.100.200"))


class AddressRefused(AsyncConfigError):
    """The host may not be reached; the sentence says why."""


class AddressUnknown(AsyncConfigError):
    """The host has no address now; it may have one later."""


def resolve(host: str, port: int) -> str:
    """Return an address of the host, IPv4 first, when all of them may be reached.

    Raises AddressRefused and AddressUnknown.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressUnknown(
            _("Host %(host)s is not known. Check the address.") % {"host": host}
        ) from error
    addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    for address in addresses:
        if is_refused(address, host=host, allowed=settings.OUTGOING_ALLOWED):
            raise AddressRefused(
                _(
                    "%(host)s is %(address)s, an address of this machine or its link. "
                    "Use another, or add it to OUTGOING_ALLOWED."
                )
                % {"host": host, "address": address}
            )
    return str(min(addresses, key=lambda address: address.version))


def is_refused(address: Address, *, host: str, allowed: Sequence[str]) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    plain: Address = mapped or address
    is_near = (
        plain.is_loopback
        or plain.is_link_local
        or plain.is_unspecified
        or plain.is_multicast
        or plain.is_reserved
        or plain in METADATA
    )
    return is_near and not any(_allows(one, plain, host) for one in allowed)


def _allows(one: str, address: Address, host: str) -> bool:
    try:
        return address in ip_network(one)
    except ValueError:
        return one.lower() == host.lower()
