"""Where a request comes from."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Return the caller's IP address, or "" where there is none.

    Behind a proxy it is the last one of X-Forwarded-For, the only one that the
    proxy itself wrote; what is no IP address there is not believed.
    """
    if settings.BEHIND_TLS_PROXY:
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2]
        if address := _read(told.strip()):
            return address
    return str(request.META.get("REMOTE_ADDR", ""))


def neighbourhood_of(request: HttpRequest | None) -> str:
    """Return what one caller is counted by: an IPv4 address, or a /64 of IPv6.

    Whoever has one address of such a network has all of them. "" without a request.
    """
    address = _read(address_of(request)) if request else ""
    if ":" not in address:
        return address
    inside = IPv6Address(address).ipv4_mapped
    return str(inside or IPv6Network((address, 64), strict=False))


def _read(text: str) -> str:
    """Return an address as databases take it, without a zone; "" for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    has_zone = not isinstance(address, IPv4Address) and address.scope_id
    return "" if has_zone else str(address)
