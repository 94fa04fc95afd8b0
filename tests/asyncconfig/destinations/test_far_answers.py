"""What a service elsewhere answers is hostile, too, and must not spoil a batch."""

import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from asyncconfig.clients import cloud, storage
from asyncconfig.clients.objects import Patience
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import Delivery, DeliveryAttempt
from asyncconfig.receipt import Receipt
from functions.models.agency import Reach
from tests.support.factories import (
    accept,
    configure_stream,
    lead,
    make_function,
    make_parcel,
    make_stream,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("reference", ["r" * 5000, "a\x00b", "\ud800"])
def test_a_strange_reference_is_kept_as_far_as_it_goes(engine, monkeypatch, reference):
    function = make_function()
    make_stream(project=function.project)
    configure_stream(function, on="on_success")
    monkeypatch.setattr(
        KINDS["DIS"], "send", lambda _parcel: Receipt("Put.", reference)
    )
    accept(function)
    engine.run()

    delivery = Delivery.objects.get()
    assert delivery.status == Delivery.Status.DELIVERED
    assert DeliveryAttempt.objects.count() == 1
    assert delivery.reference
    assert "\x00" not in delivery.reference
    assert len(delivery.reference) <= 1100


PARAMS = {
    "OBS": {"bucket": "results", "prefix": "", "expires": 0},
    "DIS": {"stream_name": "results"},
    "SMN": {"topic_urn": "urn:smn:cn-north-4:somewhere:results"},
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip_within_the_head(connection):
    connection.sendall(HEAD)
    while True:
        connection.sendall(b"X")
        time.sleep(0.02)


def drip_within_the_body(connection):
    """Without a length what has come until it is cut off looks complete."""
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def drip_within_the_handshake(connection):
    """Begin a record of TLS, 16 KB long."""
    connection.sendall(b"\x16\x03\x03\x40\x00\x02")
    while True:
        connection.sendall(b"\x00")
        time.sleep(0.02)


def never_end(connection):
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    while True:
        connection.sendall(b" " * 1_000_000)


@contextmanager
def answering(script):
    """Serve one request as the script says; yields the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _address = listener.accept()
        with connection:
            connection.recv(100_000)
            try:
                script(connection)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread.join(timeout=10)
    assert not thread.is_alive(), "the exchange goes on"


@pytest.fixture
def failure_of(settings):
    def failure_of(kind, url):
        settings.AGENCY_HTTP_HOSTS = [urlsplit(url).netloc]
        return _failure_of(kind, url)

    return failure_of


def _failure_of(kind, url):
    reach = Reach(
        access_key="key",
        secret_key="secret",
        project_id="somewhere",
        region="cn-north-4",
        endpoints={kind: url},
    )
    version = lead(make_function(), reach)
    with pytest.raises(DeliveryError) as caught:
        KINDS[kind].send(make_parcel(version, PARAMS[kind]))
    return caught.value


@pytest.mark.parametrize("script", [drip_within_the_head, drip_within_the_body])
@pytest.mark.parametrize("kind", PARAMS)
def test_who_answers_a_byte_at_a_time_is_left(kind, script, failure_of, monkeypatch):
    """Each byte comes within the client's own time-out; the whole does not."""
    monkeypatch.setattr(cloud, "SENDING", (0.2, 0.3))
    monkeypatch.setattr(storage, "SENDING", Patience(0.2, 0.3))
    with answering(script) as url:
        error = failure_of(kind, url)

    assert str(error) == f"{url} did not answer within 0.5 s."
    assert error.permanent is False


@pytest.mark.parametrize("kind", PARAMS)
def test_who_shakes_hands_a_byte_at_a_time_is_left(
    kind, failure_of, settings, monkeypatch
):
    settings.OUTGOING_ALLOWED = ["127.0.0.1"]
    monkeypatch.setattr(cloud, "SENDING", (0.2, 0.3))
    monkeypatch.setattr(storage, "SENDING", Patience(0.2, 0.3))
    with answering(drip_within_the_handshake) as url:
        url = url.replace("http:", "https:")
        error = failure_of(kind, url)

    assert str(error) == f"{url} did not answer within 0.5 s."
    assert error.permanent is False


@pytest.mark.parametrize("kind", PARAMS)
def test_an_answer_without_end_is_cut_off(kind, failure_of):
    with answering(never_end) as url:
        error = failure_of(kind, url)

    assert str(error) == f"{url} answered with more than 8 MB."
    assert error.permanent is False
