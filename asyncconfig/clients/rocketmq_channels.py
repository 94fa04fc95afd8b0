"""Where the RocketMQ client's channels lead: to addresses that were judged.

gRPC resolves names itself, when it connects and again whenever it likes, so that one
could lead elsewhere after it was judged: those of instances, and those of the routes
that a broker answers with. So channels are made to addresses alone; behind TLS the
certificate must still be that of the name.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

from functions import addresses

RESOLVE_SECONDS = 2
MAX_KNOWN_ADDRESSES = 1000

_judged: dict[tuple[str, int], str] = {}


def resolve(host: str, port: int) -> str:
    """Return where a broker or its proxy is; raises AddressRefused, AddressUnknown.

    Channels made from then on lead there, until it is asked for again.
    """
    address = addresses.resolve_private(host, port, RESOLVE_SECONDS)
    if len(_judged) >= MAX_KNOWN_ADDRESSES:
        _judged.clear()
    _judged[host, port] = address
    return address


@cache
def pin() -> None:
    """Have the client make its channels here; it must be importable."""
    from grpc import aio  # noqa: PLC0415 - an extra
    from rocketmq.v5.client.connection import (  # noqa: PLC0415 - an extra
        rpc_channel,
    )

    def secure_channel(target: str, credentials: Any, options: list[Any]) -> Any:
        pinned, name = _pinned(target)
        named = [*options, ("grpc.ssl_target_name_override", name)]
        return aio.secure_channel(pinned, credentials, named if name else options)

    def insecure_channel(target: str, options: list[Any]) -> Any:
        return aio.insecure_channel(_pinned(target)[0], options)

    rpc_channel.aio = SimpleNamespace(
        secure_channel=secure_channel, insecure_channel=insecure_channel
    )


def _pinned(target: str) -> tuple[str, str]:
    """Return gRPC's `ipv4:10.0.1.20:8081` for a target, and the name it had, or "".

    This runs in the client's own loop, where nothing should wait for a resolver: as a
    rule `resolve` has been called for it just before.
    """
    scheme, _colon, rest = target.partition(":")
    found = []
    for address in rest.split(","):
        host, _colon, port = address.rpartition(":")
        address = _judged.get((host, int(port))) or resolve(host, int(port))
        found.append((address, port))
    family = "ipv6" if ":" in found[0][0] else "ipv4"
    addresses = [
        f"[{address}]:{port}" if family == "ipv6" else f"{address}:{port}"
        for address, port in found
        if (":" in address) == (family == "ipv6")
    ]
    name = rest.rpartition(":")[0] if scheme == "dns" else ""
    return f"{family}:{','.join(addresses)}", name
