"""Tell a database's clock that jumped from time that has passed.

A lease is a date in the database, so a clock that is put forward ends all of them
at once, though every worker lives.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from asyncconfig import clock

logger = logging.getLogger(__name__)

# The part of a lease by which a clock may run ahead between two looks. Workers give
# up before the last fifth of a lease, so that a smaller jump does no harm.
TOLERATED = 0.1


class Jumps:
    """Compares the database's clock with the time that passes in this process."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None
        self._doubtful_until = float("-inf")

    def are_leases_true(self) -> bool:
        """Say whether a lease that is over means that its worker is gone.

        For one lease after a jump it does not: so long every worker that lives has
        time to renew. The first look has nothing to compare and believes the clock.
        """
        began = clock.monotonic()
        now = clock.now()
        lease = settings.WORKER_LEASE_SECONDS
        if self._last is not None:
            # From before the first reading to after this one: never too short, so
            # that a database that answers slowly is not taken for a jump.
            passed = timedelta(seconds=clock.monotonic() - self._last[1])
            ahead = (now - self._last[0] - passed).total_seconds()
            if ahead > lease * TOLERATED:
                logger.warning(
                    "The database's clock jumped %.1f s ahead. "
                    "Workers are given %g s to renew their leases.",
                    ahead,
                    lease,
                )
                self._doubtful_until = clock.monotonic() + lease
        self._last = now, began
        return clock.monotonic() >= self._doubtful_until
