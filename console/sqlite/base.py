"""SQLite with a fair turn: writers queue on a lock file instead of racing.

SQLite's own busy handler sleeps and retries, so whoever asks most often wins and
the others starve until "database is locked". The kernel wakes the waiters of an
flock in turn. Every write takes it, whether it is a transaction or one statement.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Self

from django.db.backends.sqlite3 import base

from console.sqlite.turn import Turn

PATIENCE = 5.0
# What is not known to read takes the turn.
READS = re.compile(
    r"\s*(?:SELECT|VALUES|EXPLAIN|PRAGMA|SAVEPOINT|RELEASE|COMMIT|END|ROLLBACK"
    r"|BEGIN(?!\s+(?:IMMEDIATE|EXCLUSIVE))"
    r"|WITH\b(?!.*\b(?:INSERT|UPDATE|DELETE|REPLACE)\b))\b",
    re.IGNORECASE | re.DOTALL,
)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's SQLite back-end; each write first takes its turn.

    `patience` is how many seconds this connection waits for it before NoTurn.
    """

    patience = PATIENCE
    _turn: Turn | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        made = super().get_new_connection(conn_params)
        if not self.is_in_memory_db():
            self._turn = Turn(f"{self.settings_dict['NAME']}.turn")
        return made

    def create_cursor(self, name: str | None = None) -> "TurnTakingCursor":
        made: TurnTakingCursor = self.connection.cursor(factory=TurnTakingCursor)
        made.wrapper = self
        return made

    def begin(self, query: str) -> bool:
        """Take the turn where the statement needs one; False where it does not.

        Raises NoTurn when it does not come.
        """
        turn = self._turn
        if turn is None or turn.is_held or READS.match(query):
            return False
        turn.take(seconds=self.patience)
        return True

    def end(self) -> None:
        """Give the turn back, unless a transaction is open that still needs it."""
        turn = self._turn
        if turn is not None and turn.is_held and not self.connection.in_transaction:
            turn.give()

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self.end()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.end()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            if self._turn is not None:
                self._turn.close()
                self._turn = None


class TurnTakingCursor(base.SQLiteCursorWrapper):
    """A cursor whose statements take the turn where they write."""

    wrapper: DatabaseWrapper
    _rows: Iterator[Any] | None = None

    def execute(self, query: str, params: Any = None) -> Self:
        self._rows = None
        is_first = self.wrapper.begin(query)
        try:
            super().execute(query, params)
            if is_first and self.description:
                # A statement that returns rows is over, and commits, with the last.
                self._rows = iter(super().fetchall())
        finally:
            self.wrapper.end()
        return self

    def executemany(self, query: str, param_list: Iterable[Any]) -> Self:
        self._rows = None
        self.wrapper.begin(query)
        try:
            super().executemany(query, param_list)
        finally:
            self.wrapper.end()
        return self

    def fetchone(self) -> Any:
        return super().fetchone() if self._rows is None else next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if self._rows is None:
            return super().fetchmany(size)
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return super().fetchall() if self._rows is None else list(self._rows)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return super().__iter__() if self._rows is None else self._rows
