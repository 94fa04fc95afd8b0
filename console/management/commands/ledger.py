"""Say what was accepted and where each stands, and name what breaks a rule."""

import json
import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from asyncconfig import clock
from asyncconfig.reports import ledger
from asyncconfig.reports.ledger import BrokenRule, Entry
from console.management.data_dir import DataDirCommand


class Command(DataDirCommand):
    help = (
        "Count requests, notifications and messages per function and hour, by state; "
        "exit 1 when one breaks a rule, and name it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--hours", type=int, default=24)
        parser.add_argument("--json", action="store_true", help="For monitors.")

    def handle(self, **options: Any) -> None:
        since = clock.now() - timedelta(hours=options["hours"])
        entries = [
            entry
            for book in ledger.BOOKS
            for entry in ledger.entries(book, since=since)
        ]
        faults = ledger.faults()
        if options["json"]:
            self.stdout.write(_as_json(entries, faults))
        else:
            for entry in entries:
                self.stdout.write(_line(entry))
            for fault in faults:
                self.stdout.write(f"✗ {fault.subject} breaks: {fault.rule}")
            if not faults:
                self.stdout.write("Nothing breaks a rule.")
        if faults:
            sys.exit(1)


def _line(entry: Entry) -> str:
    states = ", ".join(f"{n} {name}" for name, n in sorted(entry.by_status.items()))
    mark = "=" if entry.adds_up else "≠"
    return (
        f"{entry.hour:%Y-%m-%dT%H:%MZ} {entry.book:<13} "
        f"{entry.project or '-'}/{entry.owner or '-'} {entry.accepted} {mark} {states}"
    )


def _as_json(entries: list[Entry], faults: list[BrokenRule]) -> str:
    told = {
        "entries": [
            {**vars(entry), "hour": entry.hour.isoformat()} for entry in entries
        ],
        "faults": [vars(fault) for fault in faults],
    }
    return json.dumps(told, indent=2)
