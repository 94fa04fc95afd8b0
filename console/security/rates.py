"""What may be done so many times a minute, and not more."""

import math
import threading

from django.core.cache import cache

from asyncconfig import clock
from asyncconfig.exceptions import Throttled

WINDOW_SECONDS = 60

# The cache counts by reading and writing; two at once are two.
_counting = threading.Lock()


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
