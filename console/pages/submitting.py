"""Forms that start something: sent twice, they start it once.

Such a form carries `{% once %}`, a key that is new with each answer. The key belongs
to the person and stands for what was typed: the same key with other fields is another
form. What came of a form is kept for ten minutes.
"""

import hashlib
import json
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _

from asyncconfig.invocations import idempotency
from asyncconfig.invocations.idempotency import Done
from console import access

FIELD = "once"
MAX_KEY_CHARACTERS = 64
UNTYPED = (FIELD, "csrfmiddlewaretoken")


def once(request: HttpRequest, start: Callable[[], str]) -> Done:
    """Start what is written to our database, in one transaction with the key."""
    key = _key(request)
    if key is None:
        return Done(start())
    return idempotency.once(*key, start)


def once_outside(
    request: HttpRequest, start: Callable[[], str], *, seconds: float
) -> Done:
    """Start what is sent elsewhere, which takes at most `seconds`.

    Raises StillRunning where the first one takes too long to wait for.
    """
    key = _key(request)
    if key is None:
        return Done(start())
    return idempotency.once_outside(*key, start, seconds=seconds)


def answer_of(request: HttpRequest) -> str | None:
    """Return what came of this very form before, if it was sent before."""
    key = _key(request)
    return None if key is None else idempotency.answer_of(*key)


def say(request: HttpRequest, done: Done, sentence: str) -> None:
    """Say what was done; or that it was done before, and once."""
    if done.is_first:
        messages.success(request, sentence)
    else:
        messages.info(request, _("You sent this twice; it was done once."))


def _key(request: HttpRequest) -> tuple[User, str, str] | None:
    """Return whose form it is, its key and its digest; None for one without a key."""
    key = request.POST.get(FIELD, "")
    if not key or len(key) > MAX_KEY_CHARACTERS:
        return None
    typed = sorted(
        (name, values) for name, values in request.POST.lists() if name not in UNTYPED
    )
    project = request.session.get(access.PROJECT_KEY)
    told = json.dumps([project, request.get_full_path(), typed]).encode()
    return access.person(request), key, hashlib.sha256(told).hexdigest()
