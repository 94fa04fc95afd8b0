"""Object storage of other accounts, and what goes wrong with any."""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from asyncconfig.clients import s3, storage
from asyncconfig.clients.objects import Account, Patience, StorageError, Trouble
from asyncconfig.destinations import KINDS
from asyncconfig.models import ObjectExpiry
from tests.support.factories import make_function, make_parcel, make_reach
from tests.support.subscribers import serving

pytestmark = [pytest.mark.engine, pytest.mark.django_db]
OBS = KINDS["OBS"]


def param(bucket, *, expires=0):
    return {"bucket": bucket, "prefix": "async/", "expires": expires}


def parcel(version, bucket, *, expires=0):
    return make_parcel(version, param(bucket, expires=expires))


def test_an_account_of_ones_own_is_written_to_with_its_key(obs):
    obs.client.create_bucket(Bucket="of-somebody")
    version = make_reach(make_function(), obs.endpoint)

    receipt = OBS.send(parcel(version, "of-somebody"))

    assert list(obs.objects("of-somebody")) == [receipt.reference]
    target = OBS.read(json.dumps(param("of-somebody")), version)
    assert target.key == f"{obs.endpoint.removeprefix('http://')}/of-somebody"


def test_the_lifetime_is_sent_and_signed_elsewhere_only(obs, monkeypatch):
    sent = []

    def note(request, **kwargs):
        sent.append(dict(request.headers.items()))

    obs.client.create_bucket(Bucket="for-a-while")
    version = make_reach(make_function(), obs.endpoint)
    account = storage.account_of(version)
    client = storage.connect(account, storage.SENDING)._client
    client.meta.events.register("before-send.s3.PutObject", note)

    OBS.send(parcel(version, "for-a-while", expires=30))
    OBS.send(parcel(version, "for-a-while"))

    client.meta.events.unregister("before-send.s3.PutObject", note)
    assert [headers.get("x-obs-expires") for headers in sent] == [b"30", None]
    assert b"x-obs-expires" in sent[0]["Authorization"]
    assert not ObjectExpiry.objects.exists()


TROUBLES = {
    "no bucket": (
        {"bucket": "nowhere-to-be-found"},
        "Bucket nowhere-to-be-found does not exist. Create it, then try again.",
        True,
    ),
    "unknown key": (
        {"key": "nobody"},
        "{endpoint} does not know the access key. Check the key.",
        True,
    ),
    "wrong secret": (
        {"secret": "wrong"},
        "{endpoint} does not accept the signature. Check the secret key.",
        True,
    ),
    "unknown host": (
        {"endpoint": "https://nowhere.invalid:9"},
        "The host of https://nowhere.invalid:9 is not known. Check its name.",
        False,
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_has_its_own_sentence(obs, name):
    changed, sentence, permanent = TROUBLES[name]
    known = {"endpoint": obs.endpoint} | changed
    bucket = known.pop("bucket", "first-of-all")
    version = make_reach(make_function(), known.pop("endpoint"), **known)

    with pytest.raises(StorageError) as raised:
        OBS.send(parcel(version, bucket))

    assert str(raised.value) == sentence.format(endpoint=obs.endpoint)
    assert raised.value.permanent is permanent


def test_a_storage_that_never_answers_is_a_time_out():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        account = Account(endpoint, "a", "b", "cn-east-3", is_own=True)

        with pytest.raises(StorageError) as raised:
            storage.connect(account, Patience(0.2, 0.2)).check("bucket")

    assert str(raised.value) == f"{endpoint} did not answer within 0.2 s."
    assert raised.value.permanent is False


class Refusing(ThreadingHTTPServer):
    """A storage that answers every PUT with a code of its own choice."""

    def __init__(self, status, code):
        super().__init__(("127.0.0.1", 0), _Refusing)
        self.status, self.code = status, code


class _Refusing(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = f"<Error><Code>{self.server.code}</Code></Error>".encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        return


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        *((400, code, False) for code in sorted(s3.PASSING)),
        (403, "RequestTimeTooSkewed", False),
        (409, "OperationAborted", False),
        (429, "Whatever", False),
        (503, "Whatever", False),
        (400, "EntityTooLarge", True),
        (409, "InvalidBucketState", True),
    ],
)
def test_what_passes_by_itself_is_tried_again(status, code, permanent):
    with serving(Refusing(status, code)) as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        account = Account(endpoint, "a", "b", "cn-east-3", is_own=True)

        with pytest.raises(StorageError) as raised:
            storage.connect(account, Patience(2, 2)).put(
                "box", "k", b"", notes={}, days=0
            )

    assert raised.value.permanent is permanent
    assert code in str(raised.value)


def test_no_permission_has_its_own_sentence(obs):
    nobody = Account(obs.endpoint, "nobody", "nothing", "cn-east-3", is_own=True)

    with pytest.raises(StorageError) as raised:
        storage.connect(nobody, storage.LOOKING).check("first-of-all")

    assert raised.value.trouble is Trouble.DENIED
    assert str(raised.value) == (
        f"{obs.endpoint} denies access to bucket first-of-all. "
        "Allow the key to write there."
    )


def test_an_endpoint_never_shows_what_is_secret_in_it():
    account = Account("http://me:word@127.0.0.1:1", "a", "b", "x", is_own=True)

    with pytest.raises(StorageError) as raised:
        storage.connect(account, storage.LOOKING).check("bucket")

    assert "word" not in str(raised.value)
