"""Choose due rows fairly: every group in turn, oldest first within a group."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from asyncconfig.models import Invocation

# A skip scan: one index probe per function that has anything waiting, however
# many requests wait. DISTINCT would read every one of them. MIN(function_id) would
# say the same, but SQLite then reads an index that holds everything that is done;
# in this order only the index of what waits (invocation_due) will do.
FUNCTIONS_WAITING = """
WITH RECURSIVE waiting(id) AS (
    SELECT (
        SELECT i.function_id FROM asyncconfig_invocation i WHERE i.status = 'WAIT'
        ORDER BY i.function_id, i.due_at, i.id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT i.function_id FROM asyncconfig_invocation i
        WHERE i.status = 'WAIT' AND i.function_id > waiting.id
        ORDER BY i.function_id, i.due_at, i.id LIMIT 1
    )
    FROM waiting WHERE waiting.id IS NOT NULL
)
SELECT id FROM waiting WHERE id IS NOT NULL
"""


def functions_waiting() -> list[int]:
    """Return the ids of the functions that have requests waiting, due or not."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS_WAITING)
        return [row[0] for row in cursor.fetchall()]


def in_turn(ids: list[int], *, after: int) -> list[int]:
    """Return the ids in order, starting behind the one that was served last."""
    return [i for i in ids if i > after] + [i for i in ids if i <= after]


def due(function_id: int, *, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Return (invocation id, version id) of a function's due requests."""
    rows = Invocation.objects.due(now).filter(function_id=function_id)
    return list(rows.values_list("pk", "version_id")[:limit])


def deal(hands: dict[int, list[tuple[int, int]]]) -> Iterator[tuple[int, int, int]]:
    """Deal rows out one function at a time; yields (function, row, version)."""
    turn = 0
    while any(len(rows) > turn for rows in hands.values()):
        for function_id, rows in hands.items():
            if len(rows) > turn:
                yield function_id, *rows[turn]
        turn += 1
