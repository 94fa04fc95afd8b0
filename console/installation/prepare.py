"""Make an installation ready: database, static files, the first administrator."""

import hashlib
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from console import access
from console.installation import backup
from console.models import AccessKey
from functions import projects
from functions.models import Project
from functions.models.agency import DEFAULT_AGENCY

KEPT_BACKUPS = 5
MAX_NAMES = 20
ADMIN = "admin"


def migrate() -> None:
    """Bring the database up to date; an old SQLite file is copied first."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        if executor.loader.applied_migrations:
            _back_up()
        call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)


def _back_up() -> None:
    if connection.vendor != "sqlite":
        return
    folder = settings.DATA_DIR / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{datetime.now(UTC).strftime(backup.STAMP)}.sqlite3"
    backup.copy_database(target)
    for old in sorted(folder.glob("*.sqlite3"))[:-KEPT_BACKUPS]:
        old.unlink()


def collect_static() -> None:
    """Hash and compress the static files, when they have changed since."""
    stamp = settings.STATIC_ROOT / ".digest"
    digest = _static_digest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest, encoding="ascii")


def _static_digest() -> str:
    told = hashlib.sha256()
    for folder in settings.STATICFILES_DIRS:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                told.update(str(path.relative_to(folder)).encode())
                told.update(path.read_bytes())
    return told.hexdigest()


def introduce(*, url: str) -> Path:
    """Create the first administrator, and write how to sign in and sign requests.

    The file is readable by its owner only. It keeps the password it was made
    with: one changed later on the page is not written anywhere.
    """
    path: Path = settings.DATA_DIR / "credentials.json"
    known = _read(path)
    with transaction.atomic():
        password = known.get("password", "")
        user = User.objects.filter(username=ADMIN).first()
        if user is None:
            password = password or secrets.token_urlsafe(12)
            user = User.objects.create_superuser(ADMIN, password=password)
            user.groups.add(Group.objects.get(name=access.ADMINISTRATOR))
        project = Project.objects.order_by("pk").first()
        if project is None:
            project = projects.create(settings.REGION, members=[user])
        key = AccessKey.objects.filter(user=user, is_active=True).first()
        key = key or AccessKey.objects.create(user=user, description="First key")
        _write(path, _credentials(url, password, project, key))
    return path


def notes() -> list[str]:
    """Return what the operator should know after this start, a line each."""
    names = access.staff_without_rights()
    if not names:
        return []
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return [
        "Staff without an operator's right, to whom all operators' pages are closed: "
        f"{', '.join(names[:MAX_NAMES])}{more}. Give them one of look, act and "
        "administer: Administration, Users, User permissions."
    ]


def _credentials(
    url: str, password: str, project: Project, key: AccessKey
) -> dict[str, str]:
    return {
        "url": url,
        "username": ADMIN,
        "password": password,
        "project_id": project.project_id,
        "region": settings.REGION,
        "access_key": key.access_key,
        "secret_key": str(key.secret),
        "agency": DEFAULT_AGENCY,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, credentials: dict[str, str]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        json.dump(credentials, opened, indent=2)
        opened.write("\n")
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(path)
