"""Say to a database that it comes from a back-up: nothing goes on by itself."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from asyncconfig import clock, holding
from console.models import AccessKey, Installation

OURS = ("console", "asyncconfig", "functions")


class Command(BaseCommand):
    help = (
        "Hold all that a restored database left unsettled, end sessions and tokens, "
        "list the access keys that are valid again. No part may run meanwhile."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--at",
            required=True,
            type=datetime.fromisoformat,
            help="The moment of the back-up, such as 2026-01-31T04:05:06+00:00",
        )

    def handle(self, **options: Any) -> None:
        at: datetime = options["at"]
        _migrate()
        held = holding.hold(at=at if at.tzinfo else at.replace(tzinfo=UTC))
        Session.objects.all().delete()
        cache.clear()
        Installation.objects.update_or_create(
            pk=Installation.ONLY, defaults={"restored_at": clock.now()}
        )
        counts = ", ".join(f"{number} {kind}" for kind, number in held.items())
        self.stdout.write(f"Held until you decide (manage.py held): {counts}.")
        self.stdout.write(
            "All sessions and tokens have ended; passwords are those of the back-up."
        )
        self._list_keys()
        connection.close()

    def _list_keys(self) -> None:
        """Name valid keys without their secrets, which perhaps nobody can read."""
        valid = AccessKey.objects.filter(is_active=True, user__is_active=True)
        rows = valid.order_by("user__username", "access_key")
        self.stdout.write(
            "These access keys are valid, even if one was disabled after the back-up:"
        )
        for name, key, text in rows.values_list(
            "user__username", "access_key", "description"
        ):
            self.stdout.write(f"  {key}  {name}  {text}".rstrip())


def _migrate() -> None:
    loader = MigrationExecutor(connection).loader
    unknown = set(loader.applied_migrations) - set(loader.disk_migrations)
    newer = sorted(name for app, name in unknown if app in OURS)
    if newer:
        raise CommandError(
            f"The back-up was made by a newer version ({', '.join(newer)}). "
            "Restore it with that version."
        )
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
