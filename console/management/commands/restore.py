"""Restore a back-up, or undo an upgrade."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from console.installation import restore
from console.installation.restore import CannotRestore
from console.installation.supervision import folders
from console.installation.supervision.folders import CannotStart
from console.management.data_dir import DataDirCommand


class Command(DataDirCommand):
    help = (
        "Put a back-up into an empty data directory; or put back a copy of the "
        "database (backups/*.sqlite3) that was made before an upgrade."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="…-data.tar, or a .sqlite3 copy")
        parser.add_argument("--keys", type=Path, help="…-keys.tar of the same moment")
        parser.add_argument(
            "--lost-keys", action="store_true", help="Give up what is encrypted."
        )

    def handle(self, **options: Any) -> None:
        if settings.DATABASE_URL:
            raise CommandError(
                "The database is PostgreSQL: use pg_restore, and manage.py restored "
                "after it, as docs/how-to/back-up.md says."
            )
        try:
            with folders.claim(settings.DATA_DIR):
                self._restore(options)
        except (CannotRestore, CannotStart) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"The back-up could not be restored: {error}. Try again; until it is "
                "complete, nothing starts from it."
            ) from error
        self.stdout.write(f"Restored to {settings.DATA_DIR}. Start it: manage.py up")

    def _restore(self, options: dict[str, Any]) -> None:
        file: Path = options["file"].resolve()
        if file.suffix == ".sqlite3":
            restore.undo(file, say=self.stdout.write)
            return
        keys = options["keys"]
        restore.restore(
            file,
            keys.resolve() if keys else None,
            say=self.stdout.write,
            lost_keys=options["lost_keys"],
        )
