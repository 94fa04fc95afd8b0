"""Tokens: a signed text that stands for a person for 24 hours.

Nothing is stored. A token ends with its time, when the person's password changes, when
the account is switched off, or when the installation is restored from a back-up.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from django.contrib.auth.models import User
from django.core import signing
from django.utils.crypto import constant_time_compare

from console.models import Installation

SALT = "console.security.tokens"
LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class Bearer:
    """Whom a token stands for, and the ID of the access key it was got with, or ""."""

    user: User
    access_key: str = ""


def issue(user: User, *, lifetime: timedelta = LIFETIME, access_key: str = "") -> str:
    """Return a token for the person; it remembers the access key it was got with."""
    now = datetime.now(UTC)
    ends = int((now + min(lifetime, LIFETIME)).timestamp())
    proof = user.get_session_auth_hash()
    content = [user.pk, proof, ends, access_key, now.timestamp()]
    return signing.dumps(content, salt=SALT)


@cache
def _restored_at() -> float:
    """Return when this installation was restored; nothing runs while it is."""
    row = Installation.objects.filter(pk=Installation.ONLY).first()
    return row.restored_at.timestamp() if row and row.restored_at else 0.0


def read(token: str) -> Bearer | None:
    """Return whom a token stands for; None when it is void."""
    try:
        pk, proof, ends, access_key, *issued = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    if datetime.now(UTC).timestamp() >= ends:
        return None
    # Tokens of earlier versions do not say it: they may be as old as a token gets.
    since = issued[0] if issued else ends - LIFETIME.total_seconds()
    if since <= _restored_at():
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or not constant_time_compare(proof, user.get_session_auth_hash()):
        return None
    return Bearer(user, access_key)
