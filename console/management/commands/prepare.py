"""Make this installation ready to serve; `up` runs it, and so may a deployment."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from console.installation import obstacles, prepare
from console.installation.supervision import modes


class Command(BaseCommand):
    help = "Migrate, collect static files, create the first administrator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")

    def handle(self, **options: Any) -> None:
        try:
            modes.mend(settings.DATA_DIR, settings.KEYS_DIR)
            self._prepare(options["url"])
        except modes.BelongsToAnother as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, OSError) as error:
            if advice := obstacles.described(error):
                raise CommandError(advice) from error
            raise

    def _prepare(self, url: str) -> None:
        prepare.migrate()
        prepare.collect_static()
        path = prepare.introduce(url=url)
        for note in prepare.notes():
            self.stdout.write(note)
        self.stdout.write(f"Ready. How to sign in is in {path}.")
