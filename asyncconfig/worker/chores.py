"""What a worker does beside its claims: a bounded batch of each, then claims again."""

import logging
import time
from collections.abc import Callable

from django.db import connection

from asyncconfig import troubles

logger = logging.getLogger(__name__)


# Between two batches others get to write, and claims come in.
BREATH_SECONDS = 0.05


class Chore:
    """Something to do every so many seconds, or after a breath while more is left.

    `do` takes one batch and returns how much it was. What it raises stops neither
    other chores nor claims, and is said once until it goes well again.
    """

    def __init__(self, do: Callable[[], int], *, every: float) -> None:
        self._do = do
        self._every = every
        self._due = 0.0
        self._said = ""
        self.has_more = False

    def turn(self) -> None:
        """Do one batch if it is time; raises only when there is no connection."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._every
        self.has_more = False
        try:
            self.has_more = self._do() > 0
        except Exception as error:
            if troubles.is_passing(error) and not connection.is_usable():
                raise
            self._say(error)
        else:
            self._said = ""
        if self.has_more:
            self._due = time.monotonic() + BREATH_SECONDS

    def _say(self, error: Exception) -> None:
        words = troubles.in_words(error)
        if words != self._said:
            name = getattr(self._do, "__name__", "a chore")
            logger.exception("%s failed; it is tried again.", name)
        self._said = words
