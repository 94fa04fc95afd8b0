"""For operators: whether anything accepted went missing."""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from asyncconfig import queue
from asyncconfig.models import Invocation
from asyncconfig.models.outbox import Outbound
from asyncconfig.reports import balancing
from asyncconfig.reports.balancing import Balance
from console.access import OperatorRight, needs
from console.ui.htmx import render_page


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
    }
    return render_page(request, "operate/balance.html", context, partial="balance")


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
            _("Owed notifications"),
            balance.owed,
            [(_("Ended without their notification"), balance.undelivered)],
        ),
        Sum(
            _("Messages to subscribers"),
            _named(balance.by_message_status, Outbound.Status),
            _("Owed messages"),
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
