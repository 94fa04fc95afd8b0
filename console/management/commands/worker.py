"""Run a worker: `manage.py worker --queue invoke`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from asyncconfig import worker
from asyncconfig.models import Worker


class Command(BaseCommand):
    help = "Run the work of one queue until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", choices=Worker.Queue.values, default="invoke")
        parser.add_argument("--slots", type=int, default=settings.WORKER_SLOTS)

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Serving {options['queue']} with {options['slots']} slots.")
        worker.run(options["queue"], slots=options["slots"])
