"""A request, its notification, and what that started."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from asyncconfig.decisions.sides import Side
from asyncconfig.models import Invocation
from console import access
from console.access import Right, needs
from console.ui import states
from console.ui.htmx import render_page
from functions import logs

LOG_SHOWN = 4096
POLL_STEPS = ((30, 1), (300, 3))
SLOWEST_POLL = 10


@require_GET
@needs(Right.READ)
def show(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Render a request and what it started; polls itself until all of it ended."""
    invocation = access.get_invocation(access.get_project(request), request_id)
    return render_page(
        request, "chain/show.html", state_of(invocation), partial="chain"
    )


def state_of(invocation: Invocation) -> dict[str, Any]:
    """Return what a chain shows: its nodes, how often to look, and what came out."""
    nodes = nodes_of(invocation)
    attempt = invocation.attempt_set.last() if invocation.is_finished else None
    return {
        "invocation": invocation,
        "nodes": nodes,
        "poll_seconds": poll_seconds(invocation, nodes),
        "result": bytes(invocation.result),
        "attempt": attempt,
        "log_parts": logs.parts(bytes(attempt.log), last=LOG_SHOWN) if attempt else [],
    }


def nodes_of(invocation: Invocation) -> list[dict[str, Any]]:
    """Return the request, its notification, and the request that one started."""
    nodes = [_node(invocation)]
    for child in children_of(invocation):
        nodes.append(_node(child))
    return nodes


def _node(invocation: Invocation) -> dict[str, Any]:
    delivery = getattr(invocation, "delivery", None)
    return {
        "invocation": invocation,
        "state": states.display_state(invocation),
        "dots": states.dots(invocation),
        "delivery": delivery,
        "delivery_state": states.delivery_state(delivery) if delivery else None,
        "untold": untold(invocation),
    }


def poll_seconds(invocation: Invocation, nodes: list[dict[str, Any]]) -> int:
    """Return the pause to the next look: 0 when every branch has ended."""
    over = all(
        node["state"].is_final
        and (node["delivery"] is None or node["delivery"].is_finished)
        for node in nodes
    )
    if over:
        return 0
    age = (timezone.now() - invocation.accepted_at).total_seconds()
    return next((pause for limit, pause in POLL_STEPS if age < limit), SLOWEST_POLL)


def children_of(invocation: Invocation) -> list[Invocation]:
    """Return what this one's notification started, directly or through a topic."""
    through_topic = Q(
        source_message_delivery__message__source_delivery__invocation=invocation
    )
    rows = Invocation.objects.filter(
        Q(source_delivery__invocation=invocation) | through_topic
    )
    related = rows.select_related("function", "version", "config")
    return list(related.order_by("pk").without_bodies())


def untold(invocation: Invocation) -> list[dict[str, Any]]:
    """Return the targets that wait for the end, or that it passed over."""
    config = invocation.config
    if config is None or invocation.mode == Invocation.Mode.SYNC:
        return []
    delivery = getattr(invocation, "delivery", None)
    found = []
    for side in Side:
        chosen = config.destination(side)
        if chosen.kind and not (delivery and delivery.side == side):
            found.append({"side": side, "kind": chosen.kind, "target": chosen.target})
    return found
