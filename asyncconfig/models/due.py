"""Rows that wait until they are due: what invocations and outgoing things share."""

from datetime import datetime
from typing import Self, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model, covariant=True)


class DueQuerySet(models.QuerySet[Row]):
    """Rows with a `status` that may be WAIT, and `due_at`, when they may go on."""

    def waiting(self) -> Self:
        return self.filter(status="WAIT")

    def held(self) -> Self:
        """Return what stands still since a restore, until an operator decides."""
        return self.filter(status="HELD")

    def due(self, now: datetime) -> Self:
        """Return what waits and may go on by now, the longest overdue first."""
        return self.waiting().filter(due_at__lte=now).order_by("due_at", "pk")

    def seconds_to_next(self, *, after: datetime, now: datetime) -> float | None:
        """Return how long until the first row that is due after a moment.

        Negative when it is overdue by `now`; None when nothing else waits.
        """
        later = self.waiting().filter(due_at__gt=after).order_by("due_at")
        first = later.values_list("due_at", flat=True).first()
        return (first - now).total_seconds() if first else None
