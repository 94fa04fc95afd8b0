"""Which addresses a private service may have."""

import socket
import threading

import pytest

from functions import addresses
from functions.addresses import AddressRefused, AddressUnknown


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "168.63.129.16",
        "fd00:ec2::254",
        "localhost",
    ],
)
def test_a_private_service_is_not_this_machine_or_its_link(host):
    with pytest.raises(AddressRefused, match="OUTGOING_ALLOWED"):
        addresses.resolve_private(host, 8081, 1)


def test_private_services_may_be_in_private_networks():
    assert addresses.resolve_private("10.0.1.20", 8081, 1) == "10.0.1.20"


@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "LOCALHOST"])
def test_operators_may_allow_a_host_or_a_network(settings, entry):
    settings.OUTGOING_ALLOWED = [entry]

    assert addresses.resolve_private("localhost", 8081, 1) in ("127.0.0.1", "::1")


def test_a_resolver_that_does_not_answer_is_left(monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: asked.wait(30))

    with pytest.raises(AddressUnknown):
        addresses.resolve_private("slow.example", 8081, 0.05)
    asked.set()
