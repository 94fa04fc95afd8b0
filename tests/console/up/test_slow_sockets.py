"""Clients that send slowly, or nothing, hold no thread and are sent away."""

import contextlib
import io
import json
import os
import resource
import socket
import urllib.request
import zipfile

import pytest

from tests.support.installation import Installation, Person, until

SOCKETS = 200
THREADS = 4
# Beside the application's: those of the server, of the door and of the event loop.
OTHER_THREADS = 12
FORM = "Content-Type: application/x-www-form-urlencoded"
SLOW = {
    "nothing": "",
    "half a head": "POST /login HTTP/1.1\r\nHost: ",
    "no body": f"POST /login HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\n"
    "Content-Length: 1000\r\n\r\n",
    "a token's body": "POST /v3/auth/tokens HTTP/1.1\r\nHost: localhost\r\n"
    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
    "asks first": f"POST /login HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\n"
    "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
    "a closed page's": f"POST /run HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\n"
    "Content-Length: 1000\r\n\r\n",
    "an upload": f"POST /f/default/a/code HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\n"
    "Content-Length: 70000000\r\n\r\n",
    "unsigned": "POST /v2/p/fgs/functions HTTP/1.1\r\nHost: localhost\r\n"
    "Content-Length: 1000\r\n\r\n",
    "in chunks": "POST /v2/p/fgs/functions HTTP/1.1\r\nHost: localhost\r\n"
    "Transfer-Encoding: chunked\r\n\r\n3e8\r\n",
    "kept": "GET /static/css/console.css HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
ANSWERS = {
    "no body": 408,
    "a token's body": 408,
    "asks first": 408,
    "a closed page's": 302,
    "an upload": 302,
    "unsigned": 401,
    "in chunks": 411,
}
SOURCE = "def handler(event, context):\n    return len(event['long'])\n"
DRIPPING = ("half a head", "no body", "a token's body", "an upload")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    installation = Installation(
        tmp_path_factory.mktemp("slow") / "data",
        BODY_SECONDS="4",
        UPLOAD_SECONDS="5",
        WEB_THREADS=str(THREADS),
    )
    installation.start("--no-obs")
    yield installation
    installation.stop()


@pytest.fixture(scope="module")
def person(running):
    made = Person(running)
    made.create("own", SOURCE)
    made.create("counts", SOURCE)
    return made


class Sockets:
    """Many connections that were all opened with the same beginning."""

    def __init__(self, installation, beginning, count):
        self._open = {}
        self.said = {}
        for _turn in range(count):
            one = socket.create_connection(("127.0.0.1", installation.port))
            one.sendall(beginning.encode())
            one.setblocking(False)
            self._open[one] = b""

    def drip(self):
        for one in self._open:
            with contextlib.suppress(OSError):
                one.send(b"a")

    def all_ended(self):
        """Read what has come, and say whether the server ended every connection."""
        for one in list(self._open):
            with contextlib.suppress(BlockingIOError):
                try:
                    piece = one.recv(65_536)
                except ConnectionError:
                    piece = b""
                self._open[one] += piece
                if not piece:
                    self.said[one] = self._open.pop(one)
                    one.close()
        return not self._open

    def statuses(self):
        """Return the last status of each: an interim one comes before."""
        marks = [
            answer.rpartition(b"HTTP/1.1 ")[2][:3] for answer in self.said.values()
        ]
        return {int(mark) if mark.isdigit() else None for mark in marks}

    def close(self):
        for one in self._open:
            one.close()


def threads_of(installation):
    return sum(
        len(os.listdir(f"/proc/{pid}/task"))
        for pid, line in installation.tree().items()
        if "granian" in line
    )


def see_page(installation):
    """Ask for a page as somebody does who knows nothing of the others."""
    with urllib.request.urlopen(f"{installation.url}/login", timeout=5) as answer:
        return answer.status


@pytest.mark.parametrize("kind", SLOW)
def test_slow_sockets_keep_no_page_and_no_thread(running, kind):
    see_page(running)
    sockets = Sockets(running, SLOW[kind], SOCKETS)
    try:

        def ended():
            if kind in DRIPPING:
                sockets.drip()
            assert see_page(running) == 200
            assert threads_of(running) <= THREADS + OTHER_THREADS
            return sockets.all_ended()

        until(ended)
        if kind in ANSWERS:
            assert sockets.statuses() == {ANSWERS[kind]}
    finally:
        sockets.close()


def test_a_thousand_slow_sockets_leave_files_for_everybody_else(running):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    sockets = Sockets(running, SLOW["no body"], 1000)
    try:
        assert see_page(running) == 200
        until(sockets.all_ended)
        assert sockets.statuses() == {408}
    finally:
        sockets.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(running):
    one = socket.create_connection(("127.0.0.1", running.port), timeout=30)
    return one, one.makefile("rb")


def read_answer(stream):
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _colon, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, stream.read(int(headers["content-length"]))


def head_of(running, person, path, *, size, kind, method="POST"):
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n"
        "Accept-Language: en\r\n"
        f"Cookie: {person.cookies}\r\nX-CSRFToken: {person.token}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(("size", "seconds"), [(1000, 4), (1_000_000, 5)])
def test_a_known_person_is_told_that_the_request_came_too_late(
    running, person, size, seconds
):
    one, stream = connect(running)
    kind = FORM.partition(": ")[2]
    one.sendall(head_of(running, person, "/run", size=size, kind=kind) + b"body=")

    status, headers, page = read_answer(stream)

    assert (status, headers["connection"]) == (408, "close")
    assert f"did not arrive within {seconds}" in page.decode()
    assert stream.read() == b""
    one.close()


def archive(size):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        target.writestr("index.py", "def handler(event, context):\n    return 'new'\n")
        target.writestr("weight.bin", os.urandom(size))
    return packed.getvalue()


def multipart(content):
    mark = "a-boundary-of-ours"
    head = (
        f"--{mark}\r\nContent-Disposition: form-data; "
        'name="archive"; filename="code.zip"\r\n\r\n'
    )
    body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
    return body, f"multipart/form-data; boundary={mark}"


def test_an_archive_that_comes_in_pieces_is_deployed(running, person):
    body, kind = multipart(archive(3_000_000))
    one, stream = connect(running)
    path = "/f/default/own/code"
    one.sendall(head_of(running, person, path, size=len(body), kind=kind))
    for start in range(0, len(body), 500_000):
        see_page(running)
        one.sendall(body[start : start + 500_000])

    status, headers, _page = read_answer(stream)

    assert (status, headers["location"]) == (302, "/f/default/own/code")
    # The connection goes on: the body was read to its end.
    one.sendall(head_of(running, person, "/login", size=0, kind="-", method="GET"))
    assert read_answer(stream)[0] == 302
    one.close()
    assert not [name for name in os.listdir(running.data) if name.startswith("tmp")]


def test_more_than_a_page_takes_is_refused_before_it_comes(running, person):
    one, stream = connect(running)
    kind = FORM.partition(": ")[2]
    one.sendall(
        head_of(running, person, "/services/networks/new", size=65_537, kind=kind)
    )

    status, headers, page = read_answer(stream)

    assert (status, headers["connection"]) == (413, "close")
    assert "64" in page.decode()
    one.close()


def test_a_known_caller_of_the_api_sends_a_large_body(running, person):
    known = running.credentials
    token = {"methods": ["hw_ak_sk"]} | {
        "hw_ak_sk": {
            "access": {"key": known["access_key"]},
            "secret": {"key": known["secret_key"]},
        }
    }
    asked = json.dumps({"auth": {"identity": token}}).encode()
    url = f"{running.url}/v3/auth/tokens"
    with urllib.request.urlopen(url, data=asked, timeout=30) as answer:
        told = {"X-Auth-Token": answer.headers["X-Subject-Token"]}

    urn = f"{running.url}/v2/{known['project_id']}/fgs/functions/counts/invocations"
    body = json.dumps({"long": "x" * 1_000_000}).encode()
    request = urllib.request.Request(urn, data=body, headers=told)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.read() == b"1000000"
