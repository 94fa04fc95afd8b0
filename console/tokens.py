"""Tokens: a signed text that stands for a person for 24 hours.

Nothing is stored. A token ends with its time, when the person's password changes,
or when the account is switched off.
"""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.core import signing
from django.utils.crypto import constant_time_compare

SALT = "console.tokens"
LIFETIME = timedelta(hours=24)


def issue(user: User, *, lifetime: timedelta = LIFETIME) -> str:
    """Return a token for the person."""
    ends = datetime.now(UTC) + min(lifetime, LIFETIME)
    content = [user.pk, user.get_session_auth_hash(), int(ends.timestamp())]
    return signing.dumps(content, salt=SALT)


def read(token: str) -> User | None:
    """Return the person that a token stands for; None when it is void."""
    try:
        pk, proof, ends = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    if datetime.now(UTC).timestamp() >= ends:
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or not constant_time_compare(proof, user.get_session_auth_hash()):
        return None
    return user
