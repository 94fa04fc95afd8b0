"""Pages of a list, newest first, by key: no offset, no count of the whole."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

PAGE = 50
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows, and the key that the next, older page comes before."""

    rows: list[Row]
    older: int | None
    is_first: bool


def page_of(rows: QuerySet[Row], before: str) -> Page[Row]:
    """Return the page before a key, which comes from a URL and may be anything."""
    is_key = before.isascii() and before.isdigit()
    if is_key:
        rows = rows.filter(pk__lt=int(before[:18]))
    found = list(rows.order_by("-pk")[: PAGE + 1])
    older = found[PAGE - 1].pk if len(found) > PAGE else None
    return Page(found[:PAGE], older, not is_key)
