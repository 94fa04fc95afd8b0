"""Put what an earlier version stored into a data directory of today."""

import json
import re
import sqlite3
from datetime import UTC, datetime

from functions.runtime import available_runtimes

SECRET_KEY = "dump-secret-key-of-the-tests-0123456789abcdef0123456789abcdef"
ENCRYPTION_KEY = "dump-encryption-key-of-the-tests-0123456789abcdef"
PASSWORD = "admin-password-1"
# Where a subscriber's link leads, which is asked to confirm.
HOOK = "127.0.0.1:9"

WRITTEN = re.compile(r"\A-- fgconsole \S+, (.{19})\n")
TIME = re.compile(r"'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)'")
RUNTIME = re.compile(r"'Python3\.\d+'")


def restore(dump, data, *, hook):
    """Write the database of a dump, and its keys, as its version left them.

    All times move by as much as has passed since, to the second. `hook` is the address
    that is called where the dump has HOOK. The Python of the dump is that of here.
    """
    sql = _as_of_now(dump.read_text())
    sql = sql.replace(HOOK, hook)
    sql = RUNTIME.sub(f"'{available_runtimes()[0]}'", sql)
    keys = data / "keys"
    keys.mkdir(mode=0o700, parents=True)
    (keys / "secret.key").write_text(SECRET_KEY + "\n")
    (keys / "encryption.key").write_text(ENCRYPTION_KEY + "\n")
    (data / "credentials.json").write_text(json.dumps({"password": PASSWORD}))
    with sqlite3.connect(data / "console.sqlite3") as connection:
        connection.executescript(sql)
    connection.close()


def rows(dump, query):
    """Return what a query finds in a dump, as it was written."""
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(dump.read_text())
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def _as_of_now(sql):
    written = datetime.fromisoformat(WRITTEN.match(sql)[1])
    passed = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - written

    def move(found):
        moved = datetime.fromisoformat(found[1]) + passed
        return f"'{moved.isoformat(sep=' ', timespec='microseconds')}'"

    return TIME.sub(move, sql)
