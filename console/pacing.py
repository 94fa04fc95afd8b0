"""What a person may do so many times a minute, and not more."""

from contextlib import suppress

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.cache import cache

from asyncconfig.exceptions import Throttled

WINDOW_SECONDS = 60


def count(doing: str, user: AbstractBaseUser | AnonymousUser, *, most: int) -> None:
    """Count one; raises Throttled when it is one too many within a minute."""
    key = f"pace:{doing}:{user.pk}"
    cache.add(key, 0, WINDOW_SECONDS)
    done = most
    with suppress(ValueError):  # it ran out this very moment
        done = cache.incr(key)
    if done > most:
        raise Throttled(WINDOW_SECONDS)
