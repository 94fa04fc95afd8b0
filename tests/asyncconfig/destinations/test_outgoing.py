"""The way out: only to public addresses, only so long, only so much."""

import socket
import ssl
import subprocess
import threading
import time
from ipaddress import ip_address

import pytest

from asyncconfig.clients import outgoing
from asyncconfig.clients.deadline import Deadline
from asyncconfig.clients.outgoing import Refused, Unreachable
from functions import addresses
from tests.support.subscribers import Web, serving

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "0",
    "0.0.0.0",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    "localhost",
    "LOCALHOST.",
]


@pytest.fixture
def allowed(settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    return settings


def send(url, body=b"{}"):
    return outgoing.post(url, body, {"Content-Type": "application/json"})


@pytest.mark.parametrize("host", PRIVATE)
def test_what_is_not_the_internet_is_refused(host):
    for call in (outgoing.check, send):
        with pytest.raises(Refused, match="not called") as refused:
            call(f"http://{host}:8000/x")
        assert refused.value.permanent


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111"])
def test_the_internet_is_not_refused(address):
    assert addresses.is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com",
        "http://",
        "http:///x",
        "http://user:word@example.com/",
        "http://user@example.com/",
        "http://example.com:99999/",
        "http://example.com:x/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: y",
        "http://[::1/",
        "http://a..b/",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 150 + "com/",
        "http://example.com/" + "a" * 1024,
    ],
)
def test_what_is_not_a_plain_url_is_refused(url):
    with pytest.raises(Refused):
        outgoing.read(url)


def test_a_url_is_taken_apart():
    link = outgoing.read("HTTPS://Exämple.com./a b/ü?q=ü#f".replace(" ", "%20"))

    assert link.server == "xn--exmple-cua.com:443"
    assert link.path == "/a%20b/%C3%BC?q=%C3%BC"


@pytest.mark.parametrize(
    ("entries", "host"),
    [
        (["127.0.0.0/8"], "127.0.0.1"),
        (["127.0.0.1"], "127.0.0.1"),
        (["10.0.0.0/8", "LocalHost"], "localhost"),
    ],
)
def test_an_operator_may_allow_a_host_or_a_network(settings, entries, host):
    settings.OUTGOING_ALLOWED = entries
    with serving(Web()) as web:
        answer = send(f"http://{host}:{web.server_port}/told?x=1")

    assert (answer.status, answer.body) == (200, b"thanks")
    ((headers, _body),) = web.received
    assert headers["Host"] == f"{host}:{web.server_port}"


def test_a_malformed_network_allows_nothing(settings):
    settings.OUTGOING_ALLOWED = ["127.0.0.1/99", "*"]

    with pytest.raises(Refused):
        outgoing.check("http://127.0.0.1/")


def test_a_mapped_address_is_not_let_in_by_the_address_it_holds(allowed):
    with pytest.raises(Refused):
        outgoing.check("http://[::ffff:127.0.0.1]/")


def test_a_name_is_resolved_once_and_never_leads_inside(monkeypatch, allowed):
    """The resolver's second answer, however private, is not asked for."""
    asked = []
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if host != "rebinding.example":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return real(
            "127.0.0.1" if len(asked) == 1 else "10.0.0.1", port, *args, **kwargs
        )

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(Web()) as web:
        answer = send(f"http://rebinding.example:{web.server_port}/")

    assert answer.status == 200
    assert asked == ["rebinding.example"]
    assert web.received[0][0]["Host"] == f"rebinding.example:{web.server_port}"


def test_of_several_addresses_only_the_allowed_are_called(monkeypatch, allowed):
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if host != "mixed.example":
            return real(host, port, *args, **kwargs)
        return [*real("10.0.0.1", port, **kwargs), *real("127.0.0.1", port, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(Web()) as web:
        assert send(f"http://mixed.example:{web.server_port}/").status == 200


def test_a_name_that_cannot_be_resolved_may_be_tried_again():
    with pytest.raises(Unreachable, match="is not known"):
        send("http://nowhere.invalid/")
    assert outgoing.check("http://nowhere.invalid/").host == "nowhere.invalid"


def test_a_redirect_is_not_followed(allowed):
    with (
        serving(Web()) as inside,
        serving(Web(status=302, headers=[("Location", inside.url)])) as web,
    ):
        assert send(web.url).status == 302
        assert inside.received == []


def test_of_a_huge_answer_only_the_beginning_is_read(allowed):
    with serving(Web(body=b"x" * 20_000_000)) as web:
        answer = send(web.url)

    assert len(answer.body) <= outgoing.MAX_ANSWER_BYTES


def test_a_server_that_never_answers_is_left(allowed):
    allowed.OUTGOING_TOTAL_SECONDS = 0.2
    with serving(Web(hangs=True)) as web:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0.2 s|in time"):
            send(web.url)

    assert time.monotonic() - began < 3


def test_a_server_that_drips_is_left(allowed):
    """Each byte comes within the socket's own time-out; the whole does not."""
    allowed.OUTGOING_TOTAL_SECONDS = 0.4
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _address = listener.accept()
        with connection:
            connection.recv(1000)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.sendall(b"X")
                    time.sleep(0.02)
            except OSError:
                return

    threading.Thread(target=drip, daemon=True).start()
    with listener:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0.4 s"):
            send(f"http://127.0.0.1:{listener.getsockname()[1]}/")

    assert time.monotonic() - began < 3


def test_an_answer_that_is_here_counts_whatever_its_body_does(allowed):
    """A message that has arrived is not sent again for it."""
    allowed.OUTGOING_TOTAL_SECONDS = 0.4
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _address = listener.accept()
        with connection:
            connection.recv(1000)
            try:
                connection.sendall(b"HTTP/1.1 202 Accepted\r\n\r\n")
                while True:
                    connection.sendall(b"X")
                    time.sleep(0.02)
            except OSError:
                return

    threading.Thread(target=drip, daemon=True).start()
    with listener:
        answer = send(f"http://127.0.0.1:{listener.getsockname()[1]}/")

    assert answer.status == 202


def test_a_socket_that_comes_too_late_is_closed(monkeypatch):
    deadline = Deadline(5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(deadline, "watch", _too_late)
        with pytest.raises(TimeoutError):
            deadline.connect([ip_address("127.0.0.1")], listener.getsockname()[1], 1)
        connection, _address = listener.accept()

        with connection:
            connection.settimeout(5)
            assert connection.recv(1) == b""


def _too_late(_connection):
    raise TimeoutError


def test_what_is_not_http_is_a_failure(allowed):
    listener = socket.create_server(("127.0.0.1", 0))

    def babble():
        connection, _address = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-server\r\n")

    threading.Thread(target=babble, daemon=True).start()
    with listener, pytest.raises(Unreachable):
        send(f"http://127.0.0.1:{listener.getsockname()[1]}/")


def test_nobody_there_is_said(allowed):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    with pytest.raises(Unreachable, match="cannot be reached"):
        send(f"http://127.0.0.1:{port}/")


@pytest.fixture
def secured(tmp_path):
    """A server with a certificate for localhost that only we trust."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", certificate, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web = Web()
    web.socket = context.wrap_socket(web.socket, server_side=True)
    with serving(web):
        yield web, certificate


def test_certificates_are_verified_against_the_name(secured, settings, monkeypatch):
    web, certificate = secured
    settings.OUTGOING_ALLOWED = ["localhost", "127.0.0.1"]
    with pytest.raises(Unreachable, match="is not trusted"):
        send(f"https://localhost:{web.server_port}/")

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert send(f"https://localhost:{web.server_port}/").status == 200
    with pytest.raises(Unreachable, match="is not trusted"):
        send(f"https://127.0.0.1:{web.server_port}/")
