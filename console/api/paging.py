"""Parts of lists: where one begins, and where the next one does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Schema
from pydantic import Field

from console.api.errors import ApiError
from functions.forms.base import whole

MAX_MARKER = 2**31
MAX_COUNTED_ROWS = 10_000
NEXT = gettext_noop("Where the next page begins; 0 on a page without entries.")
Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


class PageInfo(Schema):
    next_marker: int = Field(description=NEXT)
    previous_marker: int
    current_count: int


@dataclass(frozen=True)
class ListWindow:
    """A part of a list: where it begins, and how long it may be."""

    start: int
    size: int

    def of(self, entries: Sequence[Item]) -> Sequence[Item]:
        return entries[self.start : self.start + self.size]

    def of_rows(self, rows: QuerySet[Row]) -> list[Row]:
        return list(rows[self.start : self.start + self.size])

    def after(self, shown: int) -> int:
        """Return the next marker, after so many entries on this page.

        Clients go on until it is 0 or what it was, until a page is empty, or until it
        is the count: it comes to the end, and from there to 0.
        """
        return self.start + shown if shown else 0

    def info(self, shown: int) -> dict[str, int]:
        """Return what PageInfo says of this page."""
        return {
            "next_marker": self.after(shown),
            "previous_marker": max(self.start - self.size, 0),
            "current_count": shown,
        }

    def count(self, rows: QuerySet[Row], shown: int) -> int:
        """Return how many rows there are, exactly up to MAX_COUNTED_ROWS.

        Beyond, it is more than has been read as long as more follow.
        """
        counted = rows.order_by()[: MAX_COUNTED_ROWS + 1].count()
        if counted <= MAX_COUNTED_ROWS:
            return counted
        read = self.start + shown
        return max(counted, read + rows[read : read + 1].count())


def read(marker: str | int, size: str | int, *, usual: int, most: int) -> ListWindow:
    """Read marker and size as the API has them: numbers, often as text.

    A size of 0 is the usual one, one that is too large the largest there is; less
    than 0, or no number, is an error.
    """
    start, wanted = _number("marker", marker), _number("limit", size)
    return ListWindow(start, min(wanted or usual, most))


def _number(name: str, text: str | int) -> int:
    number = whole(str(text or 0))
    if number is None or number > MAX_MARKER:
        raise ApiError(
            400,
            "FSS.1001",
            _("%(name)s: enter a whole number, 0 or more.") % {"name": name},
        )
    return number
