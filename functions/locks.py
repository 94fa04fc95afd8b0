"""Keep a row as it is while others are made or changed on the strength of it."""

from typing import Any, TypeVar

from django.db.models import Manager, Model, QuerySet

from functions.exceptions import Gone

Row = TypeVar("Row", bound=Model)


def hold(rows: Manager[Any] | QuerySet[Any], row: Row, *, no_key: bool = False) -> Row:
    """Return the row as it is now, locked until the transaction has ended.

    With `no_key` others may still make rows that point at it. Raises Gone, with the
    name that it had, when somebody deleted it meanwhile.
    """
    locked = rows.select_for_update(no_key=no_key)
    held: Row | None = locked.filter(pk=row.pk).first()
    if held is None:
        raise Gone(str(row))
    return held
