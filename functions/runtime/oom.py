"""Whether the kernel, out of memory, has just killed somebody on this host."""

import contextlib
import math
import time

COUNTERS = "/proc/vmstat"
# A victim ends within this time of being chosen.
RECENT_SECONDS = 10.0


class OomWatch:
    """Notes when the kernel's count of its victims grows.

    The count is the host's: it does not say who was killed. Look often enough, since
    only a growth since the last look is known to be recent.
    """

    def __init__(self) -> None:
        self._count = _victims()
        self._grew_at = -math.inf

    def has_struck(self) -> bool:
        """Say whether the count has grown within the last RECENT_SECONDS."""
        count, now = _victims(), time.monotonic()
        if count != self._count:
            self._count, self._grew_at = count, now
        return now - self._grew_at < RECENT_SECONDS


def _victims() -> int:
    """Return the count; 0 where the kernel does not tell."""
    with contextlib.suppress(OSError, ValueError), open(COUNTERS, "rb") as file:
        _, found, after = file.read().partition(b"\noom_kill ")
        return int(after.split(None, 1)[0]) if found else 0
    return 0
