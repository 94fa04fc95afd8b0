"""Make this installation ready to serve; `up` runs it, and so may a deployment."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.installation import prepare
from console.installation.supervision import modes


class Command(BaseCommand):
    help = "Migrate, collect static files, create the first administrator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")

    def handle(self, **options: Any) -> None:
        try:
            modes.mend(settings.DATA_DIR, settings.KEYS_DIR)
        except modes.BelongsToAnother as error:
            raise CommandError(str(error)) from error
        prepare.migrate()
        prepare.collect_static()
        path = prepare.introduce(url=options["url"])
        for note in prepare.notes():
            self.stdout.write(note)
        self.stdout.write(f"Ready. How to sign in is in {path}.")
