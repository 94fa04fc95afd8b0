"""The page of a person's access keys: two at the most, a secret shown once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.models import AccessKey
from console.security import access_keys

pytestmark = pytest.mark.django_db

FIELD = 'name="description"'


def test_a_third_key_is_not_asked_for(pages):
    first = pages.get("/access-keys/new").text
    for _one in range(access_keys.MAX_KEYS):
        pages.post("/access-keys/new")

    third = pages.get("/access-keys/new").text
    refused = pages.post("/access-keys/new")

    assert FIELD in first
    assert FIELD not in third
    assert "At most two keys. Delete one to create another.</p>" in third
    assert (refused.status_code, FIELD in refused.text) == (409, False)
    assert AccessKey.objects.count() == access_keys.MAX_KEYS


def test_the_secret_says_itself_what_leaving_loses(pages):
    created = pages.post("/access-keys/new").text

    assert 'data-leave-question="The secret can' in created


def use(client, key, *, token=None, address="192.0.2.1"):
    """Get a token with the key, or use one; return it."""
    told = {"REMOTE_ADDR": address}
    if token:
        client.get("/v3/projects", headers={"X-Auth-Token": token}, **told)
        return token
    pair = {"access": {"key": key.access_key}, "secret": {"key": key.secret}}
    identity = {"methods": ["hw_ak_sk"], "hw_ak_sk": pair}
    body = {"auth": {"identity": identity}}
    answer = client.post("/v3/auth/tokens", body, "application/json", **told)
    return answer["X-Subject-Token"]


def test_a_key_that_is_used_for_tokens_is_not_called_unused(client, caller):
    key = caller[2]

    token = use(client, key)
    key.refresh_from_db()
    assert key.last_used_from == "192.0.2.1"

    AccessKey.objects.update(last_used_at=None)
    use(client, key, token=token, address="192.0.2.2")
    key.refresh_from_db()
    assert key.last_used_from == "192.0.2.2"
    assert key.last_used_at


def test_a_key_is_not_written_at_every_use(client, caller):
    key = caller[2]
    token = use(client, key)
    first = AccessKey.objects.get().last_used_at

    with CaptureQueriesContext(connection) as seen:
        for n in range(5):
            use(client, key, token=token, address=f"192.0.2.{n + 10}")

    assert not [one for one in seen if one["sql"].startswith("UPDATE")]
    assert AccessKey.objects.get().last_used_at == first
