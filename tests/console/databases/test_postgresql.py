"""What holds for every connection with PostgreSQL: nothing waits without end."""

from contextlib import contextmanager

import pytest
from django.db import (
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from console.postgresql import address
from tests.support.proxy import proxied

URL = "postgres://console@127.0.0.1/fg"
ON_POSTGRESQL = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="It is about PostgreSQL."
)


def show(name, database=connection):
    with database.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return cursor.fetchone()[0]


@contextmanager
def far(line):
    """Yield a connection at the end of a line, in place of this thread's own."""
    known = address.parse(line.url, statement_seconds=30)
    usual = connections["default"]
    databases = connections.configure_settings({"default": known})
    made = connections["default"] = type(usual)(databases["default"], "default")
    made.patience = 0.3
    try:
        yield made
    finally:
        made.close()
        connections["default"] = usual


@transaction.atomic
def freeze_in_a_transaction(line, database):
    show("lock_timeout", database)
    line.freeze()
    show("lock_timeout", database)


def test_the_options_of_the_url_win():
    made = address.parse(
        f"{URL}?connect_timeout=60&options=-c%20lock_timeout%3D1", statement_seconds=30
    )

    assert made["ENGINE"] == "console.postgresql"
    assert made["OPTIONS"]["connect_timeout"] == 60
    assert made["OPTIONS"]["tcp_user_timeout"] == 10_000
    assert made["OPTIONS"]["options"] == (
        "-c statement_timeout=30000 -c lock_timeout=10000"
        " -c idle_in_transaction_session_timeout=10000 -c lock_timeout=1"
    )


@ON_POSTGRESQL
@pytest.mark.django_db(transaction=True)
def test_no_connection_is_without_limits():
    with proxied() as line, far(line) as database:
        assert show("statement_timeout", database) == "30s"
        assert show("lock_timeout", database) == "10s"
        assert show("idle_in_transaction_session_timeout", database) == "10s"
        known = database.connection.info.get_parameters()

    assert (
        known.items()
        >= {
            "connect_timeout": "5",
            "keepalives_idle": "5",
            "keepalives_interval": "2",
            "keepalives_count": "3",
            "tcp_user_timeout": "10000",
        }.items()
    )


@ON_POSTGRESQL
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic", [True, False])
def test_a_change_of_the_schema_may_take_long(atomic):
    before, patience = show("statement_timeout"), connection.patience

    with connection.schema_editor(atomic=atomic):
        assert show("statement_timeout") == "0"
        assert show("lock_timeout") == "10s"
        assert connection.patience > 1e9

    assert before != "0"
    assert (show("statement_timeout"), connection.patience) == (before, patience)


@ON_POSTGRESQL
@pytest.mark.django_db(transaction=True)
def test_an_answer_that_never_comes_is_not_waited_for():
    with proxied() as line, far(line) as database:
        show("lock_timeout", database)
        line.freeze()
        with pytest.raises(OperationalError, match="did not answer within"):
            show("lock_timeout", database)
        with pytest.raises((InterfaceError, OperationalError)):
            show("lock_timeout", database)

        line.thaw()
        database.close()
        assert show("lock_timeout", database) == "10s"


@ON_POSTGRESQL
@pytest.mark.django_db(transaction=True)
def test_a_line_cut_in_a_transaction_leaves_a_connection_that_works_again():
    with proxied() as line, far(line) as database:
        with pytest.raises(OperationalError):
            freeze_in_a_transaction(line, database)

        line.thaw()
        with transaction.atomic():
            assert show("lock_timeout", database) == "10s"
