"""What keeps an installation from starting, in a sentence that says what to do."""

import errno
import os
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from console.installation.backup import DATABASE

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
FULL = ("database or disk is full", "no space left on device")
DAMAGED = ("file is not a database", "malformed", "file is encrypted")
MB = 1024 * 1024
# A first start writes the database, static files and what Valkey and SeaweedFS keep.
FIRST_START_MB = 64
LATER_START_MB = 1


def no_room(data_dir: Path) -> str:
    """Say that the disk is too full to start on, or return ""."""
    disk = os.statvfs(data_dir)
    free = disk.f_bavail * disk.f_frsize / MB
    is_first = not (data_dir / DATABASE).exists()
    needed = (
        FIRST_START_MB if is_first and not settings.DATABASE_URL else LATER_START_MB
    )
    if free >= needed:
        return ""
    return _full(data_dir, f"{free:.1f} MB are free, and {needed} MB are needed")


def described(error: OSError | DatabaseError) -> str:
    """Say what to do about an error of the start; "" for one that is not known."""
    text = str(error).lower()
    if getattr(error, "errno", None) in NO_ROOM or any(one in text for one in FULL):
        return _full(settings.DATA_DIR, "nothing more can be written")
    if any(one in text for one in DAMAGED):
        return _damaged(str(error))
    return ""


def _full(data_dir: Path, how: str) -> str:
    return (
        f"The disk of {data_dir} is full: {how}. Free some space, for example by "
        f"moving old copies out of {data_dir / 'backups'}, and start again; what was "
        "accepted is still there."
    )


def _damaged(how: str) -> str:
    database = settings.DATA_DIR / DATABASE
    backups = settings.DATA_DIR / "backups"
    copies = sorted(backups.glob("*.sqlite3"))
    found = (
        f"The newest copy in {backups} is put back with: manage.py restore {copies[-1]}"
        if copies
        else f"There is no copy in {backups}"
    )
    return (
        f"The database {database} is damaged ({how}). Nothing was changed. {found}; "
        "docs/how-to/back-up.md says how a back-up is restored."
    )
