"""Start the web server alone, for those who run the parts themselves."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from console.installation.supervision import web


class Command(BaseCommand):
    help = "Start the web server alone; Ctrl-C stops it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--processes", type=int, default=2)

    def handle(self, **options: Any) -> None:
        command = web.command(
            options["host"], options["port"], processes=options["processes"]
        )
        os.execv(command[0], command)  # noqa: S606 - our own command line
