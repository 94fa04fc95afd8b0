"""How often somebody may try: five failures lock a name, and a minute has its pace."""

import hashlib
import math
import threading
from contextlib import suppress

from django.core.cache import cache
from django.utils.translation import gettext as _

from asyncconfig import clock
from asyncconfig.exceptions import Throttled
from console.security.exceptions import Locked

MAX_FAILURES = 5
LOCKED_SECONDS = 300
WINDOW_SECONDS = 60

# The cache counts by reading and writing; two at once are two.
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


class Pace:
    """How often one has done something within a minute, which the first time begins."""

    def __init__(self, doing: str, who: str, *, most: int) -> None:
        self._key = f"pace:{doing}:{who}"
        self._most = most

    @property
    def seconds_left(self) -> int:
        """Return after how many seconds it may be done again; 0 is at once."""
        done, ends = self._read()
        if done < self._most:
            return 0
        return max(math.ceil(ends - clock.now().timestamp()), 1)

    def count(self) -> None:
        with _counting:
            done, ends = self._read()
            cache.set(self._key, (done + 1, ends), WINDOW_SECONDS)

    def _read(self) -> tuple[int, float]:
        now = clock.now().timestamp()
        known: tuple[int, float] = cache.get(self._key, (0, 0.0))
        return known if known[1] > now else (0, now + WINDOW_SECONDS)


def count(doing: str, who: str, *, most: int) -> None:
    """Count one; raises Throttled when it is one too many within a minute."""
    pace = Pace(doing, who, most=most)
    if left := pace.seconds_left:
        raise Throttled(left)
    pace.count()
