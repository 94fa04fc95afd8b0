"""What commands about one installation have in common: --data-dir."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


class DataDirCommand(BaseCommand):
    """A command that takes --data-dir, which manage.py reads before the settings do."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir", default=str(settings.DATA_DIR))
