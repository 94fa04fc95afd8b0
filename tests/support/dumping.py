"""Write what this version stores: a data directory with one of everything, as SQL.

Run as `python -m tests.support.dumping > tests/data/$VERSION.sql` for a release.
`tests/support/restoring.py` puts such a dump into a data directory again.
"""

import os
import sqlite3
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.support import restoring

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "console.settings",
    "SECRET_KEY": restoring.SECRET_KEY,
    "ENCRYPTION_KEY": restoring.ENCRYPTION_KEY,
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "OUTGOING_ALLOWED": "127.0.0.1",
    "LOG_LEVEL": "ERROR",
    "ASYNC_MAX_HOPS": "3",
    "ASYNC_RETRY_BASE_SECONDS": "0.05",
    "DELIVERY_RETRY_BASE_SECONDS": "0.05",
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("DATABASE_URL", None)
        os.environ.update(SETTINGS, DATA_DIR=folder, KEYS_DIR=f"{folder}/keys")
        import django  # noqa: PLC0415 - it needs the settings

        django.setup()
        _populate()
        sys.stdout.write(_dump(Path(folder) / "console.sqlite3"))


def _populate():
    from django.core.management import call_command  # noqa: PLC0415
    from django.utils import translation  # noqa: PLC0415

    from tests.support import populating  # noqa: PLC0415

    translation.activate("en")
    call_command("migrate", verbosity=0)
    populating.populate()


def _dump(database):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with sqlite3.connect(database) as connection:
        (now,) = connection.execute(
            "SELECT max(accepted_at) FROM asyncconfig_invocation"
        ).fetchone()
        lines = [f"-- fgconsole {project['version']}, {now[:19]}"]
        lines += connection.iterdump()
    connection.close()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
