"""Say how this installation is, for people and for monitors."""

import json
import sys
from typing import Any

from django.core.management.base import CommandParser
from django.utils import translation

from console.installation import checkup
from console.installation.checkup import CheckedPart, Figure, Level
from console.management.data_dir import DataDirCommand

WORDS = {
    Level.WELL: "All is well.",
    Level.DEGRADED: "Requests are accepted, but not all is well.",
    Level.NOT_ACCEPTING: "No request is accepted.",
}


class Command(DataDirCommand):
    help = "Look at every part; exit 0 (well), 1 (degraded) or 2 (not accepting)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="For monitors.")

    def handle(self, **options: Any) -> None:
        with translation.override("en"):
            parts = checkup.look()
        level = checkup.level_of(parts)
        if options["json"]:
            self.stdout.write(json.dumps(checkup.state_of(parts), indent=2))
        else:
            for part in parts:
                self.stdout.write(_line(part))
            self.stdout.write(WORDS[level])
        sys.exit(level)


def _line(part: CheckedPart) -> str:
    mark = "✓" if part.is_well else "✗"
    figures = ", ".join(
        f"{name} {_said(value)}" for name, value in part.figures.items()
    )
    return f"{mark} {part.name:<14}{part.advice or figures}"


def _said(value: Figure) -> Figure:
    return ("yes" if value else "no") if isinstance(value, bool) else value
