"""For operators: whether anything accepted went missing."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from asyncconfig import clock, queue
from asyncconfig.models import Invocation
from asyncconfig.models.outbox import Outbound
from asyncconfig.reports import balancing, ledger
from asyncconfig.reports.balancing import Balance
from console.access import OperatorRight, needs
from console.ui.htmx import render_page

HOURS = ("24", "1", "6", "72", "168")


@dataclass(frozen=True)
class Sum:
    """What was promised, by state; `faults` are figures that must be zero."""

    title: str
    states: list[tuple[str, int]]
    label: str
    total: int
    faults: list[tuple[str, int]]

    @property
    def adds_up(self) -> bool:
        return self.total == sum(number for _state, number in self.states)


@require_GET
@needs(OperatorRight.LOOK)
def balance(request: HttpRequest) -> HttpResponse:
    """Count everything accepted and owed; whole tables are read for it."""
    counted = balancing.balance()
    context = {
        "balance": counted,
        "sums": _sums(counted),
        "dropped_jobs": queue.dropped_jobs(),
        "faults": ledger.faults() if counted.drift else [],
    }
    return render_page(request, "operate/balance.html", context, partial="balance")


@require_GET
@needs(OperatorRight.LOOK)
def show_ledger(request: HttpRequest) -> HttpResponse:
    """Show what was accepted in the last hours, per function, and where it stands."""
    chosen = request.GET.get("hours", "")
    hours = int(chosen) if chosen in HOURS else int(HOURS[0])
    since = clock.now() - timedelta(hours=hours)
    titles = (_("Invocations"), _("Notifications"), _("Messages to subscribers"))
    books = [
        (title, book.model.Status.choices, ledger.entries(book, since=since))
        for title, book in zip(titles, ledger.BOOKS, strict=True)
    ]
    context = {
        "books": [
            (title, [str(label) for _value, label in states], _table(states, entries))
            for title, states, entries in books
        ],
        "hours": str(hours),
        "choices": HOURS,
    }
    return render_page(request, "operate/ledger.html", context, partial="ledger")


def _table(
    states: list[tuple[str, str]], entries: list[ledger.Entry]
) -> list[tuple[ledger.Entry, list[int]]]:
    """Return each entry with its figures in the order of the states."""
    return [
        (entry, [entry.by_status.get(value, 0) for value, _label in states])
        for entry in entries
    ]


def _sums(balance: Balance) -> list[Sum]:
    return [
        Sum(
            _("Invocations"),
            _named(balance.by_status, Invocation.Status),
            _("Accepted requests"),
            balance.accepted,
            [(_("Attempts that do not add up"), balance.miscounted)],
        ),
        Sum(
            _("Notifications"),
            _named(balance.by_delivery_status, Outbound.Status),
            _("Notifications created"),
            balance.owed,
            [
                (_("Ended without their notification"), balance.undelivered),
                (_("Owed to nobody"), balance.unowed),
            ],
        ),
        Sum(
            _("Messages to subscribers"),
            _named(balance.by_message_status, Outbound.Status),
            _("Messages created"),
            balance.messages_owed,
            [(_("Attempts that do not add up"), balance.messages_miscounted)],
        ),
    ]


def _named(counts: dict[str, int], states: type[TextChoices]) -> list[tuple[str, int]]:
    """Return the counted states by name, in the order in which they follow."""
    return [
        (str(state.label), counts[state.value])
        for state in states
        if state.value in counts
    ]
