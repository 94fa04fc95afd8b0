"""Run a worker: `manage.py worker --queue invoke`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from asyncconfig import queue
from asyncconfig.worker import process


class Command(BaseCommand):
    help = "Run the work of one queue until SIGTERM or Ctrl-C."
    # They load every page and operation of the API, which no worker needs.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", choices=process.LANES, default=queue.INVOKE)
        parser.add_argument("--slots", type=int)

    def handle(self, **options: Any) -> None:
        name = options["queue"]
        usual = (
            settings.WORKER_SLOTS if name == queue.INVOKE else settings.DELIVERY_SLOTS
        )
        slots = options["slots"] or usual
        self.stdout.write(f"Serving {name} with {slots} slots.")
        process.run(name, slots=slots)
