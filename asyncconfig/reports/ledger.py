"""What was accepted and where it stands, per function and hour; what breaks a rule."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Count, F
from django.db.models.functions import TruncHour

from asyncconfig.models import Delivery, Invocation, MessageDelivery
from asyncconfig.reports import balancing

MAX_NAMED = 50
# Rows of one moment may be numbered in another order than that of their times.
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Book:
    """One kind of what was promised: its rows, their time, and whose they are."""

    name: str
    model: Any
    made: str
    project: str
    owner: str


BOOKS = (
    Book(
        "requests",
        Invocation,
        "accepted_at",
        "function__project__name",
        "function__name",
    ),
    Book(
        "notifications",
        Delivery,
        "created_at",
        "function__project__name",
        "function__name",
    ),
    Book(
        "messages",
        MessageDelivery,
        "created_at",
        "subscription__topic__project__name",
        "subscription__topic__name",
    ),
)


@dataclass
class Entry:
    """What one function, or topic, was promised in one hour, by state."""

    book: str
    hour: datetime
    project: str
    owner: str
    accepted: int = 0
    by_status: dict[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        return self.accepted == sum(self.by_status.values())


def entries(book: Book, *, since: datetime) -> list[Entry]:
    """Return an entry for each hour and function since a time, the newest hour first.

    Reads what was made since then, and little else. What no longer has a subscription
    is under "".
    """
    rows = book.model.objects.filter(
        pk__gte=_first_since(book, since - MARGIN), **{f"{book.made}__gte": since}
    ).order_by()
    counted = (
        rows.annotate(hour=TruncHour(book.made))
        .values_list("hour", book.project, book.owner, "status")
        .annotate(n=Count("pk"))
    )
    found: dict[tuple[Any, ...], Entry] = {}
    for hour, project, owner, status, n in counted:
        entry = found.setdefault(
            (hour, project, owner), Entry(book.name, hour, project or "", owner or "")
        )
        entry.accepted += n
        if status in book.model.Status.values:
            entry.by_status[status] = n
    return sorted(
        found.values(), key=lambda one: (-one.hour.timestamp(), one.project, one.owner)
    )


def _first_since(book: Book, since: datetime) -> int:
    """Return the id from which on rows may be as young; ids go with time.

    A handful of look-ups by id, instead of an index that nothing else needs.
    """
    rows = book.model.objects.order_by("pk").values_list("pk", book.made)
    last = rows.last()
    low, high = 0, last[0] + 1 if last else 0
    while low < high:
        middle = (low + high) // 2
        at = rows.filter(pk__gte=middle).first()
        if at is None or at[1] >= since:
            high = middle
        else:
            low = at[0] + 1
    return low


@dataclass(frozen=True)
class BrokenRule:
    """Something that breaks a rule: a request's ID, or that of a message delivery."""

    rule: str
    subject: str


def faults(*, limit: int = MAX_NAMED) -> list[BrokenRule]:
    """Name what the drift of the balance counts; whole tables are read for it."""
    return list(islice(_faults(limit), limit))


def _faults(limit: int) -> Iterator[BrokenRule]:
    for rule, rows in balancing.broken().items():
        column = balancing.SUBJECTS.get(rows.model, "request_id")
        for subject in rows.order_by("pk").values_list(F(column), flat=True)[:limit]:
            yield BrokenRule(rule, str(subject))
