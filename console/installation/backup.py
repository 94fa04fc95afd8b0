"""Back up an installation of `up`, while it runs: its data, and apart its keys."""

import hashlib
import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from console.installation.archives import Archive

FORMAT = 1
MANIFEST = "backup.json"
DATABASE = "console.sqlite3"
# The data of Valkey (records of streams) and of the object storage.
FOLDERS = ("valkey", "obs")
CREDENTIALS = "credentials.json"
ENCRYPTION_KEY = "encryption.key"
STAMP = "%Y%m%dT%H%M%SZ"


class CannotBackUp(Exception):
    """Nothing was written; the message says what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a back-up says of itself. `key` tells which encryption key belongs to it."""

    made_at: str
    key: str
    format: int = FORMAT

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def fingerprint(key: str) -> str:
    """Return what a key is known by, from which nobody can find it out."""
    return hashlib.sha256(f"fgconsole:{key}".encode()).hexdigest()[:32]


def write(folder: Path, *, with_keys: bool) -> list[Path]:
    """Write the data, and with keys a second file, into a folder; return the files.

    The database comes first: objects and records that are newer than it do no harm.
    Raises CannotBackUp, OSError, NotSteady.
    """
    if connection.vendor != "sqlite":
        raise CannotBackUp(
            "The database is PostgreSQL: use pg_dump, as docs/how-to/back-up.md says."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    start = f"fgconsole-{now.strftime(STAMP)}"
    data = folder / f"{start}-data.tar"
    manifest = Manifest(now.isoformat(), fingerprint(settings.ENCRYPTION_KEY))
    copy = folder / f".{start}.sqlite3"
    try:
        copy_database(copy)
        with Archive(data) as archive:
            archive.add_file(DATABASE, copy)
            for name in FOLDERS:
                archive.add_folder(settings.DATA_DIR / name)
            # Last: where it is, all of the file is.
            archive.add_bytes(MANIFEST, json.dumps(asdict(manifest)).encode())
    finally:
        copy.unlink(missing_ok=True)
    return [data, _write_keys(folder / f"{start}-keys.tar")] if with_keys else [data]


def _write_keys(path: Path) -> Path:
    with Archive(path) as archive:
        for key in sorted(settings.KEYS_DIR.glob("*.key")):
            archive.add_file(f"keys/{key.name}", key)
        credentials = settings.DATA_DIR / CREDENTIALS
        if credentials.is_file():
            archive.add_file(CREDENTIALS, credentials)
    return path


def copy_database(target: Path) -> None:
    """Copy the SQLite file as it is at one moment; writers do not wait for it."""
    connection.ensure_connection()
    copy = sqlite3.connect(target)
    try:
        connection.connection.backup(copy)
    finally:
        copy.close()
