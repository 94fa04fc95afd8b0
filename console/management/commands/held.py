"""Look at what is held since a restore, and release or discard it."""

from typing import Any

from django.core.management.base import CommandParser

from asyncconfig import holding
from asyncconfig.holding import HeldKind
from console.management.data_dir import DataDirCommand

KINDS = {kind.name: kind for kind in holding.KINDS}
ALL = "all"


class Command(DataDirCommand):
    help = "Count what is held since a restore; release it, or discard it for good."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("action", nargs="?", choices=("release", "discard"))
        parser.add_argument("kind", nargs="?", choices=(*KINDS, ALL), default=ALL)
        parser.add_argument(
            "--notify",
            action="store_true",
            help="Tell targets that discarded requests were cancelled.",
        )
        parser.add_argument("--by", default="manage.py", help="who discards")

    def handle(self, **options: Any) -> None:
        if options["action"]:
            chosen = options["kind"]
            for kind in holding.KINDS if chosen == ALL else (KINDS[chosen],):
                self._act(kind, options)
        held = ", ".join(
            f"{number} {name}" for name, number in holding.counts().items()
        )
        self.stdout.write(f"Held: {held}.")

    def _act(self, kind: HeldKind, options: dict[str, Any]) -> None:
        if options["action"] == "release":
            self.stdout.write(f"Released: {holding.release(kind)} {kind.name}.")
            return
        number = holding.discard(kind, by=options["by"], notify=options["notify"])
        self.stdout.write(f"Discarded: {number} {kind.name}.")
