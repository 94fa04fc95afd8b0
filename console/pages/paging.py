"""Pages of a list, newest first, by key: no offset, no count of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from functions.forms.base import whole

SIZE = 50
Row = TypeVar("Row")
Stored = TypeVar("Stored", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows, and what the next, older page begins after."""

    rows: Sequence[Row]
    older: int | str | None
    is_first: bool


def page_of(
    rows: QuerySet[Stored],
    request: HttpRequest,
    *,
    field: str = "before",
    size: int = SIZE,
) -> Page[Stored]:
    """Return the page of at most `size` rows before the key in a field of the query."""
    before = whole(request.GET.get(field, ""))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    older = found[size - 1].pk if len(found) > size else None
    return Page(found[:size], older, before is None)
