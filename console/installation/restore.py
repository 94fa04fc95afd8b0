"""Put a back-up into a data directory that `up` does not run on.

Everything is made ready in a folder of its own inside; the database, without which
there is no installation, is moved to its place last. A kill before that leaves a
directory without one, and the next try starts over.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from console import env
from console.installation import archives
from console.installation.backup import (
    CREDENTIALS,
    DATABASE,
    ENCRYPTION_KEY,
    FOLDERS,
    FORMAT,
    MANIFEST,
    STAMP,
    Manifest,
    fingerprint,
)

STAGING = "restoring"
OF_DATA = frozenset({MANIFEST, DATABASE, *FOLDERS})
OF_KEYS = frozenset({"keys", CREDENTIALS})
SIDE_FILES = ("-wal", "-shm")


class CannotRestore(Exception):
    """Nothing was changed; the message says what to do."""


def restore(
    data: Path, keys: Path | None, *, say: Callable[[str], None], lost_keys: bool
) -> None:
    """Restore a whole back-up; raises CannotRestore.

    Without `keys` those in KEYS_DIR, or of the environment, have to be the right ones;
    with `lost_keys` nothing that is encrypted can be read.
    """
    here = settings.DATA_DIR
    manifest = _manifest_of(data)
    staging = _staging(here)
    _unpack(data, staging, OF_DATA)
    if keys:
        _unpack(keys, staging, OF_KEYS)
    if not lost_keys:
        _check_key(manifest, staging)
    _check_database(staging / DATABASE)
    new_keys = staging / "keys"
    say(_settle(staging, new_keys if keys else settings.KEYS_DIR, manifest.moment))
    if keys:
        settings.KEYS_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key in new_keys.glob("*.key"):
            key.replace(settings.KEYS_DIR / key.name)
    for name in (CREDENTIALS, *FOLDERS):
        _move(staging / name, here / name)
    _finish(staging, here)


def undo(copy: Path, *, say: Callable[[str], None]) -> None:
    """Put a copy of the database back that was made before an upgrade.

    All else stays, and what is in its place is kept in backups/. Raises CannotRestore.
    """
    here = settings.DATA_DIR
    staging = here / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    _check_database(copy)
    shutil.copyfile(copy, staging / DATABASE)
    say(_settle(staging, settings.KEYS_DIR, _moment_of(copy)))
    kept = _set_aside(here)
    if kept:
        say(f"The database that was there is kept as {kept}.")
    _finish(staging, here)


def _manifest_of(data: Path) -> Manifest:
    try:
        known = json.loads(archives.read(data, MANIFEST))
        manifest = Manifest(**known)
        _moment = manifest.moment
    except (OSError, tarfile.TarError, ValueError, TypeError) as error:
        raise CannotRestore(
            f"{data} is no back-up of data, or not all of it: {error}. "
            "Name the file that ends in -data.tar."
        ) from error
    if manifest.format != FORMAT:
        raise CannotRestore(
            f"{data} was made by a newer version. Restore it with that version."
        )
    return manifest


def _staging(here: Path) -> Path:
    """Return an empty folder; what an interrupted try has moved is removed."""
    staging = here / STAGING
    parts = [name for name in (DATABASE, *FOLDERS) if (here / name).exists()]
    if (here / DATABASE).exists() or (parts and not staging.exists()):
        raise CannotRestore(
            f"{here} holds an installation already ({', '.join(parts)}). "
            "Choose an empty folder with --data-dir, or move these away first."
        )
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    return staging


def _unpack(path: Path, staging: Path, allowed: frozenset[str]) -> None:
    try:
        archives.unpack(path, staging, allowed=allowed)
    except (OSError, tarfile.TarError) as error:
        raise CannotRestore(f"{path} cannot be unpacked: {error}.") from error


def _check_key(manifest: Manifest, staging: Path) -> None:
    """Raise CannotRestore unless the key that will be in force is the one of then."""
    key, where = env.text("ENCRYPTION_KEY"), "The variable ENCRYPTION_KEY"
    restored = staging / "keys" / ENCRYPTION_KEY
    if not key and restored.is_file():
        key, where = restored.read_text(encoding="ascii").strip(), "The file --keys"
    if not key:
        key, where = settings.ENCRYPTION_KEY, f"The key in {settings.KEYS_DIR}"
    if fingerprint(key) != manifest.key:
        raise CannotRestore(
            f"{where} does not belong to this back-up, whose secrets it cannot read. "
            "Give the right file with --keys; if it is gone, --lost-keys restores all "
            "but the secrets."
        )


def _check_database(path: Path) -> None:
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
        try:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        raise CannotRestore(f"The database in {path} is damaged: {answer}.")


def _settle(staging: Path, keys_dir: Path, moment: datetime) -> str:
    """Bring the restored database up to date and hold what is unsettled in it.

    A process of its own does it, which knows the restored keys and no others.
    """
    places = {"DATA_DIR": str(staging), "KEYS_DIR": str(keys_dir)}
    manage = str(settings.BASE_DIR / "manage.py")
    done = subprocess.run(
        [sys.executable, manage, "restored", "--at", moment.isoformat()],
        env=env.for_children(places),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CannotRestore(f"The back-up could not be made ready: {last}")
    return done.stdout.strip()


def _moment_of(copy: Path) -> datetime:
    """Return when a copy was made: by its name, or else by its file."""
    try:
        return datetime.strptime(copy.name.split(".")[0], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(copy.stat().st_mtime, UTC)


def _set_aside(here: Path) -> Path | None:
    """Move the database that is there to backups/, with all that belongs to it."""
    present = here / DATABASE
    if not present.exists():
        return None
    folder = here / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{datetime.now(UTC).strftime(STAMP)}-replaced.sqlite3"
    with suppress(sqlite3.Error):  # It may be damaged; its log is kept beside it.
        _write_back(present)
    for suffix in (*SIDE_FILES, ""):
        _move(Path(f"{present}{suffix}"), Path(f"{kept}{suffix}"))
    return kept


def _write_back(database: Path) -> None:
    """Write what its log holds into the file, so that it is whole without the log."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _move(source: Path, target: Path) -> None:
    if not source.exists():
        return
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def _finish(staging: Path, here: Path) -> None:
    _write_back(staging / DATABASE)
    for path in (*staging.rglob("*"), staging):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
    for suffix in SIDE_FILES:
        Path(f"{here / DATABASE}{suffix}").unlink(missing_ok=True)
    archives.sync_folder(here)
    (staging / DATABASE).replace(here / DATABASE)
    archives.sync_folder(here)
    shutil.rmtree(staging, ignore_errors=True)
