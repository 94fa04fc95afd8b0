"""Services of agencies: where they may be, and that no other server is shown."""

import json
import socketserver
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.exceptions import ValidationError

from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import DeliveryError
from functions import endpoints
from functions.addresses import AddressRefused
from functions.models.agency import PLACED_SERVICES, Reach
from tests.support.factories import lead, make_function, make_parcel
from tests.support.subscribers import serving

PARAMS = {
    "OBS": {"bucket": "there"},
    "DIS": {"stream_name": "there"},
    "SMN": {"topic_urn": "urn:smn:cn-north-4:p:there"},
}
SECRET = "TOP-SECRET-WORD"
PUBLIC = "93.184.215.14"


def leading(kind, url):
    reach = Reach("key", "secret", "project", "region", {kind: url})
    return lead(make_function(), reach)


def send(kind, url):
    KINDS[kind].send(make_parcel(leading(kind, url), PARAMS[kind]))


class Server(ThreadingHTTPServer):
    """Not the service: says the secret, whatever it is asked."""

    daemon_threads = True

    def __init__(self, status=200, kind="text/plain", body=SECRET, headers=()):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = status, body.encode()
        self.headers = [("Content-Type", kind), *headers]
        self.requests = []

    @property
    def place(self):
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self):
        return f"http://{self.place}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(self.path)
        self.send_response(self.server.status, SECRET)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)

    do_PUT = do_POST = do_HEAD = do_GET  # noqa: N815 - as http.server has it

    def log_message(self, *_args):
        return


@pytest.fixture
def serve(settings):
    """Run servers that operators have allowed."""
    with ExitStack() as stack:

        def serve(server):
            settings.AGENCY_HTTP_HOSTS = [server.place]
            return stack.enter_context(serving(server))

        yield serve


NEAR = [
    "https://127.0.0.1",
    "https://127.0.0.1:8443",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0177.0.0.1",
    "https://１２７.0.0.1",
    "https://localhost",
    "https://LOCALHOST.",
    "https://[::1]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[::127.0.0.1]",
    "https://[64:ff9b::127.0.0.1]",
    "https://0.0.0.0",
    "https://0",
    "https://[::]",
    "https://2852039166",
    "https://169.254.169.254",
    "https://[fe80::1]",
    "https://[fd00:ec2::254]",
    "https://100.100.100.200",
    "https://224.0.0.1",
]
PRIVATE = [
    "https://10.0.0.1",
    "https://167772161",
    "https://172.16.0.1",
    "https://192.168.1.1:9000",
    "https://100.64.0.1",
    "https://[fd00::1]",
    "https://[2002:7f00:1::]",
]


@pytest.mark.parametrize("url", NEAR)
def test_this_machine_and_its_link_are_no_service_however_they_are_written(
    settings, url
):
    settings.OUTGOING_ALLOWED = ["127.0.0.0/8", "::/0", "0.0.0.0/0", "localhost"]

    with pytest.raises(AddressRefused, match="this machine or its link"):
        endpoints.examine(url)


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_no_service_until_it_is_allowed(settings, url):
    with pytest.raises(AddressRefused, match="OUTGOING_ALLOWED"):
        endpoints.examine(url)

    settings.OUTGOING_ALLOWED = ["0.0.0.0/0", "::/0"]
    endpoints.examine(url)


def test_a_name_that_leads_inwards_is_refused(names):
    names.answers["inner.example"] = ["127.0.0.1"]

    with pytest.raises(AddressRefused, match=r"inner\.example is this machine"):
        endpoints.examine("https://inner.example")


def test_a_name_that_nobody_knows_yet_can_be_stored():
    endpoints.examine("https://nowhere.invalid")


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000", "http://127.0.0.1:9001"),
        ("127.0.0.1:9000", "https://127.0.0.1:9000", "https://127.0.0.1"),
        ("LocalHost:9000", "http://localhost:9000", "http://localhost:9001"),
        ("[::1]:9000", "http://[::1]:9000", "http://[::1]:9001"),
        ("::1", "https://[2606:4700::1]", "http://[::1]:9000"),
        ("127.0.0.1", "https://1.1.1.1", "http://127.0.0.1:80"),
        ("10.0.0.1", "http://10.0.0.1:9000", "http://10.0.0.2:9000"),
        ("10.0.0.1:80", "http://10.0.0.1", "https://10.0.0.1"),
    ],
)
def test_this_machine_is_opened_by_host_and_port(settings, entry, allowed, refused):
    settings.AGENCY_HTTP_HOSTS = [entry]

    endpoints.examine(allowed)
    with pytest.raises(AddressRefused):
        endpoints.examine(refused)


def test_this_installation_may_be_reached_at_its_own_addresses(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.OBS_ENDPOINT = "http://127.0.0.1:8333"

    for url in (settings.PUBLIC_URL, settings.OBS_ENDPOINT, "http://localhost:8000"):
        endpoints.examine(url)
    for url in ("http://127.0.0.1:8001", "http://127.0.0.2:8000", "https://[::1]:8333"):
        with pytest.raises(AddressRefused):
            endpoints.examine(url)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_a_name_that_leads_inwards_later_is_not_connected_to(
    names, serve, settings, kind
):
    server = serve(Server())
    settings.AGENCY_HTTP_HOSTS = ["rebind.example"]
    url = f"http://rebind.example:{server.server_port}"
    names.answers["rebind.example"] = [PUBLIC, "127.0.0.1"]
    endpoints.examine(url)

    with pytest.raises(DeliveryError, match="this machine or its link") as refused:
        send(kind, url)

    assert refused.value.permanent
    assert server.requests == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_what_was_judged_is_what_is_connected_to(names, serve, settings, kind):
    """The name is asked for once; its next answer would lead elsewhere."""
    server = serve(Server(404))
    place = f"there.example:{server.server_port}"
    settings.AGENCY_HTTP_HOSTS = [place]
    names.answers["there.example"] = ["127.0.0.1", PUBLIC]

    with pytest.raises(DeliveryError):
        send(kind, f"http://{place}")

    assert names.asked == ["there.example"]
    assert len(server.requests) == 1


ANSWERS = {
    "text": ("text/plain", SECRET),
    "page": ("text/html", f"<html><body><p>{SECRET}</p></body></html>"),
    "json": ("application/json", json.dumps({"secret": SECRET})),
    "list": ("application/json", json.dumps([SECRET])),
    "string": ("application/json", json.dumps(SECRET)),
    "message": ("application/json", json.dumps({"code": "x y", "message": SECRET})),
    "wrapped": (
        "application/json",
        json.dumps({"error": {"code": 1, "message": SECRET}}),
    ),
    "identifier": (
        "application/json",
        json.dumps({"message_id": f"{SECRET} {SECRET}", "records": SECRET}),
    ),
    "records": (
        "application/json",
        json.dumps(
            {"records": [{"partition_id": f"{SECRET} ", "sequence_number": SECRET}]}
        ),
    ),
    "xml": ("application/xml", f"<a><b>{SECRET}</b></a>"),
    "error": ("application/xml", f"<Error><Message>{SECRET}</Message></Error>"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("status", [200, 302, 403, 500])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_what_another_server_says_is_never_told(
    serve, caplog, capfd, kind, status, answer
):
    media, body = ANSWERS[answer]
    server = serve(Server(status, media, body))
    caplog.set_level("DEBUG")

    told = _outcomes(kind, server.url)

    assert server.requests
    assert SECRET not in told
    assert SECRET not in "".join(capfd.readouterr())
    ours = [r for r in caplog.records if not r.name.startswith(("botocore", "urllib3"))]
    assert SECRET not in "".join(record.getMessage() for record in ours)


class _Banner(socketserver.ThreadingTCPServer):
    """Speaks first, as mail and SSH servers do."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Greeting)

    @property
    def place(self):
        return f"127.0.0.1:{self.server_address[1]}"


class _Greeting(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(f"SSH-2.0-{SECRET}\r\n".encode())
        self.request.recv(100_000)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_what_a_server_says_that_speaks_no_http_is_never_told(
    serve, caplog, capfd, kind
):
    server = serve(_Banner())

    told = _outcomes(kind, f"http://{server.place}")

    assert SECRET not in told
    assert SECRET not in "".join(capfd.readouterr())
    assert SECRET not in caplog.text


def _outcomes(kind, url):
    """Verify, then send; return all that anybody is told of it."""
    version = leading(kind, url)
    told = []
    try:
        told.append(KINDS[kind].verify(json.dumps(PARAMS[kind]), version))
    except ValidationError as error:
        told += error.messages
    try:
        receipt = KINDS[kind].send(make_parcel(version, PARAMS[kind]))
    except DeliveryError as error:
        told.append(str(error))
    else:
        raise AssertionError(f"taken for {kind}: {receipt}")
    return "\n".join(told)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_a_redirect_is_not_followed(serve, settings, kind):
    other = serve(Server())
    first = serve(Server(307, headers=[("Location", f"{other.url}/elsewhere")]))
    settings.AGENCY_HTTP_HOSTS = [first.place, other.place]

    with pytest.raises(DeliveryError):
        send(kind, first.url)

    assert len(first.requests) == 1
    assert other.requests == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_a_proxy_of_the_environment_is_not_asked(serve, settings, monkeypatch, kind):
    proxy, server = serve(Server()), serve(Server(404))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    with pytest.raises(DeliveryError):
        send(kind, server.url)

    assert proxy.requests == []
    assert len(server.requests) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("kind", PLACED_SERVICES)
def test_an_endpoint_is_looked_at_again_before_sending(kind):
    """It was stored when more was allowed."""
    with pytest.raises(DeliveryError, match="Use https") as refused:
        send(kind, "http://127.0.0.1:9")

    assert refused.value.permanent
