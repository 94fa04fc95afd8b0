"""What counts as a failure, for whom, and what is looked at before a secret is."""

import pytest
from django.http import HttpRequest

from console.models import AccessKey
from tests.support.signer import code_of


def test_five_failures_lock_the_key_for_its_address(signer, functions_url, client):
    for _turn in range(5):
        signer.send("GET", functions_url, secret="guess")
    locked = signer.send("GET", functions_url)
    client.defaults["REMOTE_ADDR"] = "10.0.0.9"
    elsewhere = signer.send("GET", functions_url)

    assert code_of(locked) == (401, "APIGW.0303")
    assert elsewhere.status_code == 200


def test_behind_a_proxy_each_caller_has_an_address(signer, functions_url, settings):
    settings.BEHIND_TLS_PROXY = True

    def send(addresses, **told):
        return signer.send("GET", functions_url, x_forwarded_for=addresses, **told)

    for _turn in range(5):
        send("192.0.2.9, 192.0.2.1", secret="guess")

    assert code_of(send("192.0.2.7, 192.0.2.1")) == (401, "APIGW.0303")
    for told, noted in (
        ("192.0.2.1, 2001:DB8::2", "2001:db8::2"),
        ("192.0.2.1, fe80::1%eth0", "127.0.0.1"),
        ("192.0.2.1, nonsense", "127.0.0.1"),
    ):
        AccessKey.objects.update(last_used_at=None)
        assert send(told).status_code == 200
        assert AccessKey.objects.get().last_used_from == noted
    settings.BEHIND_TLS_PROXY = False
    assert send("192.0.2.1").status_code == 200


AGENT = "部署/1.0"


def test_a_header_may_be_signed_in_utf8(signer, functions_url, client):
    def resend(agent):
        headers = signer.last | {"user-agent": agent}
        return client.get(functions_url, headers=headers)

    signer.send("GET", functions_url, user_agent=AGENT)
    arrived = resend(AGENT.encode().decode("latin-1"))
    dropped = [resend("") for _turn in range(6)]

    assert arrived.status_code == 200
    assert {code_of(answer) for answer in dropped} == {(401, "APIGW.0301")}
    assert "header user-agent arrived without" in dropped[-1].json()["error_msg"]
    assert signer.send("GET", functions_url).status_code == 200


def test_a_header_that_is_empty_may_be_signed(signer, functions_url):
    assert signer.send("GET", functions_url, x_note="").status_code == 200


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"access_key": "unknown"}, "APIGW.0301"),
        ({"age": 901}, "APIGW.0307"),
        ({"signed": ("host",)}, "APIGW.0301"),
    ],
)
def test_a_strangers_body_is_not_read(
    signer, functions_url, caller, monkeypatch, told, code
):
    def read(_request):
        raise AssertionError("The body was read.")

    caller[2].access_key = told.pop("access_key", caller[2].access_key)
    monkeypatch.setattr(HttpRequest, "body", property(read))

    refused = signer.send("POST", functions_url, b"{}" * 1000, **told)

    assert code_of(refused) == (401, code)
