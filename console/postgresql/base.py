"""PostgreSQL whose answers are not waited for without end.

The server ends statements that take too long, and TCP notices a line that is cut; but
where something between them takes what is sent and passes nothing on, neither does.
"""

import math
import time
from collections.abc import Generator
from typing import Any, Self

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base, schema
from django.db.backends.postgresql.psycopg_any import IsolationLevel

# How much longer than the server may take its answer is waited for.
ALLOWANCE = 5.0
# What a change of the schema may exceed.
LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time; whether it did what it was told is unknown."""


class Connection(psycopg.Connection[Any]):
    """A connection that is closed when an answer does not come in time."""

    owner: "DatabaseWrapper"

    def wait(self, gen: Generator[Any, Any, Any], *rest: Any, **options: Any) -> Any:
        try:
            return super().wait(_bounded(gen, self.owner.patience), *rest, **options)
        except NoAnswer:
            self.close()
            raise


def _bounded(gen: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """Pass on what psycopg waits for, which looks up ten times a second."""
    ends = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > ends:
                raise NoAnswer(f"The server did not answer within {seconds:g} s.")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


class SchemaEditor(schema.DatabaseSchemaEditor):
    """Changes of the schema may take as long as they need; their locks may not."""

    connection: "DatabaseWrapper"

    def __enter__(self) -> Self:
        super().__enter__()
        self._patience = self.connection.patience
        self.connection.patience = math.inf
        self._scope = "LOCAL" if self.connection.in_atomic_block else "SESSION"
        for name in LIMITS:
            self._set(f"SET {self._scope} {name} = 0")
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
            if self._scope == "SESSION":
                for name in LIMITS:
                    self._set(f"RESET {name}")
        finally:
            self.connection.patience = self._patience

    def _set(self, statement: str) -> None:
        if not self.collect_sql:
            self.execute(statement)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL back-end; an answer that does not come is an error.

    `patience` is how many seconds this connection waits for one.
    """

    SchemaEditorClass = SchemaEditor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seconds = settings.DATABASE_STATEMENT_SECONDS
        self.patience = seconds + ALLOWANCE if seconds else math.inf

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        self.isolation_level = IsolationLevel.READ_COMMITTED
        made = Connection.connect(**conn_params)
        made.owner = self
        return made
