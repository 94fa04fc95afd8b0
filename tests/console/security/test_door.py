"""The door before Django: who may send what, and who waits for whom."""

import asyncio
import io
import threading
from http import HTTPStatus

import pytest
from django.conf import settings
from django.core.handlers.wsgi import get_path_info
from django.test import Client

from console import access
from console.api.functions import MAX_CODE_BODY_BYTES
from console.door import admission, front, limits
from console.door.environ import environ_of
from console.door.front import Front
from console.security import tokens
from tests.console.security.test_pages_hostile import ROUTES, filled
from tests.support.factories import make_function, make_project, make_user

# Whoever is not signed in may send these a small form.
OPEN = {
    "/login",
    "/language",
    "/theme",
    "/logout",
    "/smn/subscription/confirm",
    "/smn/subscription/unsubscribe",
}
FORM = "application/x-www-form-urlencoded"


class Untouched(io.BytesIO):
    """A body that says whether somebody began to read it."""

    is_read = False

    def read(self, *_size):
        self.is_read = True
        return b""


def send_unread(client, path, *, size=10, kind=FORM):
    body = Untouched()
    told = {"wsgi.input": body, "CONTENT_LENGTH": str(size), "CONTENT_TYPE": kind}
    answer = client.post(path, **told)
    return answer, body.is_read


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=b"])
def test_no_form_of_a_stranger_is_read(kind):
    make_function("own", project=make_project())
    client = Client(enforce_csrf_checks=True)
    read = set()
    for route in [*ROUTES, "nothing-here", "admin/", "admin/auth/user/add/"]:
        path = filled(route, "own")
        _answer, is_read = send_unread(client, path, kind=kind)
        if is_read:
            read.add(path)

    assert read == OPEN


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted(OPEN))
def test_a_stranger_s_long_form_is_refused_unread(path):
    answer, is_read = send_unread(Client(), path, size=limits.SMALL + 1)

    assert (answer.status_code, is_read) == (413, False)


@pytest.mark.django_db
def test_a_long_request_for_a_token_is_refused_unread():
    path, kind = "/v3/auth/tokens", "application/json"
    long, was_read = send_unread(Client(), path, size=limits.SMALL + 1, kind=kind)
    _short, is_read = send_unread(Client(), path, size=limits.SMALL, kind=kind)

    assert (long.status_code, was_read) == (413, False)
    assert long.json()["error_code"] == "FSS.0413"
    assert is_read


def head(path, *, size, method="POST", **headers):
    """Return the environment of a request whose body has not come yet."""
    told = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return told | {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(size),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/login", limits.SMALL),
        ("/v3/auth/tokens", limits.SMALL),
        ("/smn/subscription/confirm", limits.SMALL),
        ("/run", 0),
        ("/f/default/own/code", 0),
        ("/admin/auth/user/add/", 0),
        ("/nothing-here", 0),
        ("/v2/p/fgs/functions", 0),
        ("/v2/nothing-here", 0),
    ],
)
def test_a_stranger_is_admitted_with_no_more_than(path, most):
    sizes = (1, limits.SMALL, limits.SMALL + 1, 72 * 1024 * 1024)

    admitted = [admission.admit(head(path, size=size)) for size in sizes]

    assert admitted == ["" if size <= most else None for size in sizes]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/services/networks/new", limits.SMALL),
        ("/run", limits.form_with(settings.SYNC_BODY_LIMIT)),
        ("/f/default/own/code", settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
    ],
)
def test_a_person_is_admitted_with_what_the_page_takes(path, most):
    user = make_user(group=access.ADMINISTRATOR, project=make_project())
    client = Client()
    client.force_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"

    within = admission.admit(head(path, size=most, cookie=cookie))
    beyond = admission.admit(head(path, size=most + 1, cookie=cookie))

    assert (within, beyond) == (str(user.pk), None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("operation", "most"),
    [
        ("functions", MAX_CODE_BODY_BYTES),
        ("functions/own/invocations", settings.SYNC_BODY_LIMIT),
        ("functions/own/invocations-async", settings.ASYNC_BODY_LIMIT),
        ("functions/own/aliases", 1024 * 1024),
    ],
)
def test_a_caller_is_admitted_with_what_the_operation_takes(operation, most):
    project = make_project()
    make_function("own", project=project)
    user = make_user(group=access.ADMINISTRATOR, project=project)
    path = f"/v2/{project.project_id}/fgs/{operation}"
    known = {"x_auth_token": tokens.issue(user)}

    within = admission.admit(head(path, size=most, **known))
    beyond = admission.admit(head(path, size=most + 1, **known))
    unknown = admission.admit(head(path, size=1, x_auth_token="void"))

    assert (within, beyond, unknown) == (str(user.pk), None, None)


@pytest.mark.django_db
def test_asking_for_admission_with_a_signature_runs_nothing(signer, functions_url):
    make_function("own")
    path = f"{functions_url}/own/aliases"
    signer.send("GET", path)
    told = {name.replace("-", "_"): text for name, text in signer.last.items()}

    who = admission.admit(head(path, size=10, **told))
    foreign = told["authorization"].replace("Access=", "Access=X")
    nobody = admission.admit(head(path, size=10, **told | {"authorization": foreign}))

    assert (who is None, nobody) == (False, None)


def test_a_late_body_is_answered_in_the_envelope_and_as_a_page(client):
    told = {limits.LATE: True, "CONTENT_LENGTH": "10"}
    api = client.post("/v3/auth/tokens", **told)
    page = client.post("/login", headers={"accept-language": "zh-hans"}, **told)

    assert (api.status_code, api.json()["error_code"]) == (408, "FSS.0408")
    assert "within 10 s" in api.json()["error_msg"]
    assert page.status_code == HTTPStatus.REQUEST_TIMEOUT
    assert "10 秒" in page.content.decode()


def scope(path="/", *, headers=(), method="GET"):
    return {
        "type": "http",
        "method": method,
        "raw_path": path.encode(),
        "query_string": b"",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", "80"),
        "client": ("127.0.0.1", 1),
        "headers": list(headers),
    }


def test_a_header_cannot_pass_for_one_that_the_proxy_writes():
    environ = environ_of(
        scope(
            "/%E5%87%BD/%ff",
            headers=[
                (b"x-forwarded-for", b"10.0.0.1"),
                (b"x_forwarded_for", b"6.6.6.6"),
                (b"cookie", b"a=1"),
                (b"cookie", b"b=2"),
                (b"accept", b"x"),
                (b"accept", b"y"),
                (b"content-type", b"text/plain"),
            ],
        )
    )

    assert environ["HTTP_X_FORWARDED_FOR"] == "10.0.0.1"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_ACCEPT"] == "x,y"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert get_path_info(environ) == "/函/%FF"


class Browser:
    """The client's end of a connection: sends nothing, and fetches when told to."""

    def __init__(self):
        self.fetches = asyncio.Event()
        self.goes = asyncio.Event()
        self.got = []

    async def receive(self):
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.got.append(message)
        if message.get("more_body"):
            await self.fetches.wait()


class Long:
    """An answer of many pieces, which says in which thread it was made and ended."""

    def __init__(self):
        self.made = 0
        self.ended = threading.Event()

    def __call__(self, _environ, start):
        start("200 OK", [])
        return self

    def __iter__(self):
        for _piece in range(100):
            self.made += 1
            yield b"x" * 100_000

    def close(self):
        self.ended.set()


def test_who_fetches_nothing_holds_no_thread_and_is_given_up(monkeypatch):
    monkeypatch.setattr(front, "FETCHED_SECONDS", 0.2)
    answers = []

    def application(environ, start):
        if environ["PATH_INFO"] == "/short":
            start("200 OK", [("Content-Type", "text/plain")])
            return [b"short"]
        answers.append(Long())
        return answers[-1](environ, start)

    async def run():
        door = Front(application, threads=1)
        slow = [Browser() for _turn in range(5)]
        waiting = [
            asyncio.create_task(door(scope("/long"), one.receive, one.send))
            for one in slow
        ]
        quick = Browser()
        await door(scope("/short"), quick.receive, quick.send)
        await asyncio.gather(*waiting)
        return slow, quick

    slow, quick = asyncio.run(run())

    assert quick.got[-1]["body"] == b"short"
    assert [len(one.got) for one in slow] == [2] * 5
    assert all(one.made < 10 and one.ended.is_set() for one in answers)


def test_an_answer_is_made_no_further_when_its_client_has_gone():
    made = Long()

    async def run():
        client = Browser()
        client.goes.set()
        client.fetches.set()
        await Front(made, threads=1)(scope(), client.receive, client.send)
        return client

    client = asyncio.run(run())

    assert made.made < 10
    assert made.ended.is_set()
    assert client.got[0]["status"] == 200


def test_a_long_answer_arrives_whole():
    made = Long()

    async def run():
        client = Browser()
        client.fetches.set()
        await Front(made, threads=1)(scope(), client.receive, client.send)
        return client

    client = asyncio.run(run())

    assert sum(len(one.get("body", b"")) for one in client.got) == 10_000_000
    assert not client.got[-1]["more_body"]
