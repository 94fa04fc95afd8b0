"""Keep a row as it is while others are made or changed on the strength of it."""

from typing import Any, TypeVar

from django.db.models import Manager, Model, QuerySet

from functions.exceptions import Gone

Row = TypeVar("Row", bound=Model)


def hold(rows: Manager[Any] | QuerySet[Any], row: Row) -> Row:
    """Return the row as it is now, locked until the transaction has ended.

    Raises Gone, with the name that it had, when somebody deleted it meanwhile.
    """
    held: Row | None = rows.select_for_update().filter(pk=row.pk).first()
    if held is None:
        raise Gone(str(row))
    return held
