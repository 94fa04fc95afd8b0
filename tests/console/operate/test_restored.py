"""After a restore nobody is signed in, and what is held shows as what it is."""

from datetime import UTC, datetime

import pytest
from django.contrib.sessions.models import Session
from django.core import signing
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from asyncconfig.models import Invocation
from console import access
from console.models import AccessKey
from console.security import tokens
from tests.support.factories import accept, make_function, make_user

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _told_anew(monkeypatch):
    # The next command works on the connection of this test.
    monkeypatch.setattr(connection, "close", lambda: None)
    tokens._restored_at.cache_clear()
    yield
    tokens._restored_at.cache_clear()


def restored(capsys):
    call_command("restored", "--at", AT.isoformat())
    tokens._restored_at.cache_clear()
    return capsys.readouterr().out


def test_sessions_and_tokens_end(client, project, capsys):
    user = make_user(group=access.ADMINISTRATOR, project=project)
    client.force_login(user)
    token = tokens.issue(user)
    # As versions before 0.3.0 wrote them.
    content = [user.pk, user.get_session_auth_hash(), 4_000_000_000, ""]
    far = signing.dumps(content, salt=tokens.SALT)
    assert tokens.read(token)
    assert tokens.read(far)

    restored(capsys)

    assert tokens.read(token) is None
    assert client.get("/functions").status_code == 302
    assert not Session.objects.exists()
    assert tokens.read(tokens.issue(user))


def test_valid_keys_are_listed_without_secrets(capsys):
    user = make_user("ada")
    valid = AccessKey.objects.create(user=user, description="laptop")
    disabled = AccessKey.objects.create(user=user, is_active=False)

    said = restored(capsys)

    assert f"{valid.access_key}  ada  laptop" in said
    assert disabled.access_key not in said
    assert valid.secret not in said


def test_held_requests_wait_over_the_api_and_are_held_on_pages(
    pages, project, client, capsys
):
    function = make_function("source", project=project)
    accept(function)
    user = make_user(group=access.ADMINISTRATOR, project=project)
    restored(capsys)
    headers = {"X-Auth-Token": tokens.issue(user)}
    urn = function.urn("latest")
    url = f"/v2/{project.project_id}/fgs/functions/{urn}/async-invocations"

    listed = client.get(url, {"status": "WAIT"}, headers=headers).json()
    refused = client.get(url, {"status": "HELD"}, headers=headers)

    assert [row["status"] for row in listed["invocations"]] == ["WAIT"]
    assert refused.status_code == 400
    assert Invocation.objects.get().held_at == AT
    pages.force_login(user)
    assert "until an operator releases it" in pages.get("/invocations").text
    assert pages.get("/invocations?status=held").text.count("source") >= 1


def test_what_a_newer_version_wrote_is_refused():
    MigrationRecorder(connection).record_applied("asyncconfig", "9999_of_tomorrow")

    with pytest.raises(CommandError, match="9999_of_tomorrow"):
        call_command("restored", "--at", AT.isoformat())
