"""Tokens: a signed text that stands for a person for 24 hours.

Nothing is stored. A token ends with its time, when the person's password changes,
or when the account is switched off.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.core import signing
from django.utils.crypto import constant_time_compare

SALT = "console.security.tokens"
LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class Bearer:
    """Whom a token stands for, and the ID of the access key it was got with, or ""."""

    user: User
    access_key: str = ""


def issue(user: User, *, lifetime: timedelta = LIFETIME, access_key: str = "") -> str:
    """Return a token for the person; it remembers the access key it was got with."""
    ends = datetime.now(UTC) + min(lifetime, LIFETIME)
    content = [user.pk, user.get_session_auth_hash(), int(ends.timestamp()), access_key]
    return signing.dumps(content, salt=SALT)


def read(token: str) -> Bearer | None:
    """Return whom a token stands for; None when it is void."""
    try:
        pk, proof, ends, access_key = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    if datetime.now(UTC).timestamp() >= ends:
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or not constant_time_compare(proof, user.get_session_auth_hash()):
        return None
    return Bearer(user, access_key)
