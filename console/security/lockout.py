"""Five failures from one client lock a name for five minutes."""

import hashlib
import threading
from contextlib import suppress

from django.core.cache import cache
from django.utils.translation import gettext as _

from console.security.exceptions import Locked

MAX_FAILURES = 5
LOCKED_SECONDS = 300

# The cache counts by reading and writing; two failures at once are two.
_counting = threading.Lock()


class Lock:
    """The failures of one name, an account or an access key, from one client.

    A client is an address, or a browser that the account has signed in with.
    """

    def __init__(self, kind: str, name: str, client: str) -> None:
        told = f"{name}\n{client}"
        self._key = f"{kind}:{hashlib.sha256(told.encode()).hexdigest()}"
        self._failures: int = 0

    @property
    def is_closed(self) -> bool:
        """Say whether there were five failures; costs one look into the cache."""
        self._failures = cache.get(self._key, 0)
        return self._failures >= MAX_FAILURES

    def check(self) -> None:
        """Raise Locked when it is closed."""
        if self.is_closed:
            sentence = _("Too many tries. Try again in 5 minutes.")
            raise Locked(LOCKED_SECONDS, sentence)

    def count_failure(self) -> None:
        with _counting:
            cache.add(self._key, 0, LOCKED_SECONDS)
            with suppress(ValueError):  # it ran out this very moment
                cache.incr(self._key)

    def open(self) -> None:
        """Forget the failures; costs nothing when the last look found none."""
        if self._failures:
            cache.delete(self._key)
