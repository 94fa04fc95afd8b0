"""Say whether anything accepted went missing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from asyncconfig.reports import balancing


class Command(BaseCommand):
    help = "Count requests and notifications by state; the drift must be 0."

    def handle(self, **options: Any) -> None:
        balance = balancing.balance()
        self.stdout.write(
            f"{balance.accepted} accepted: {_list(balance.by_status)}. "
            f"{balance.owed} owed: {_list(balance.by_delivery_status)}. "
            f"{balance.messages_owed} to subscribers: "
            f"{_list(balance.by_message_status)}. "
            f"Drift {balance.drift}."
        )
        if balance.drift:
            raise CommandError("The figures do not agree; please report this.")


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
