"""Five failures from one address lock a name for five minutes."""

import hashlib
from contextlib import suppress

from django.core.cache import cache
from django.http import HttpRequest

from console.callers import address_of

MAX_FAILURES = 5
LOCKED_SECONDS = 300


class Lock:
    """The failures of one name, an account or an access key, from one address."""

    def __init__(self, kind: str, name: str, request: HttpRequest) -> None:
        told = f"{name}\n{address_of(request)}"
        self._key = f"{kind}:{hashlib.sha256(told.encode()).hexdigest()}"
        self._failures: int = cache.get(self._key, 0)

    @property
    def is_closed(self) -> bool:
        return self._failures >= MAX_FAILURES

    def count_failure(self) -> None:
        cache.add(self._key, 0, LOCKED_SECONDS)
        with suppress(ValueError):  # it ran out this very moment
            cache.incr(self._key)

    def open(self) -> None:
        """Forget the failures; costs nothing when there were none."""
        if self._failures:
            cache.delete(self._key)
