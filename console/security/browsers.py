"""A browser in which an account has signed in before is no stranger to it.

A signed cookie says so. It opens nothing: with it a sign-in to that one account is
counted and queued apart from strangers', who then cannot keep its owner out.
"""

import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

COOKIE = "known"
SALT = "console.browsers"
LASTS_SECONDS = 180 * 24 * 3600


def remember(response: HttpResponse, user: User) -> None:
    """Let the browser say, for 180 days, that this account has signed in there."""
    value = signing.dumps([_mark(user.get_username()), secrets.token_hex(8)], salt=SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=LASTS_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def is_known(request: HttpRequest) -> bool:
    """Say whether anybody has signed in with this browser before."""
    return _read(request) is not None


def browser_of(request: HttpRequest | None, username: str) -> str:
    """Return the browser's ID when this account has signed in there, otherwise ""."""
    known = _read(request) if request else None
    if known is None or not constant_time_compare(known[0], _mark(username)):
        return ""
    return known[1]


def _read(request: HttpRequest) -> tuple[str, str] | None:
    try:
        mark, browser = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LASTS_SECONDS
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(mark), str(browser)


def _mark(username: str) -> str:
    # A cookie lies about for months; it does not name anybody.
    return salted_hmac(SALT, username.lower(), algorithm="sha256").hexdigest()[:32]
