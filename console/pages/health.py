"""Whether the console can serve: for supervisors, load balancers and monitors."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from asyncconfig import queue
from console import access
from console.access import OperatorRight, needs
from console.door.limits import takes
from console.installation import checkup
from console.installation.checkup import CheckedPart, Figure
from console.ui.htmx import render_page

FOR_STRANGERS = ("ready", "parts")
TITLES: dict[str, Promise] = {
    "database": gettext_lazy("Database"),
    "disk": gettext_lazy("Disk"),
    "redis": gettext_lazy("Redis"),
    "workers": gettext_lazy("Workers"),
    "clock": gettext_lazy("Clock"),
    "requests": gettext_lazy("Due requests"),
    "notifications": gettext_lazy("Due notifications"),
    "isolation": gettext_lazy("Isolation of user code"),
    "held": gettext_lazy("Held after a restore"),
}
FIGURES: dict[str, Promise] = {
    "engine": gettext_lazy("Engine"),
    "answers": gettext_lazy("Answers"),
    "milliseconds": gettext_lazy("Answered in (ms)"),
    "free_percent": gettext_lazy("Free (%)"),
    "min_percent": gettext_lazy("Needed to accept requests (%)"),
    "folder": gettext_lazy("Data directory"),
    "invoke": gettext_lazy("Workers for invocations"),
    "invoke_heartbeat_seconds": gettext_lazy("… last heard of (s ago)"),
    "deliver": gettext_lazy("Workers for notifications"),
    "deliver_heartbeat_seconds": gettext_lazy("… last heard of (s ago)"),
    "notify": gettext_lazy("Workers for messages"),
    "notify_heartbeat_seconds": gettext_lazy("… last heard of (s ago)"),
    "skew_seconds": gettext_lazy("Apart from the database's clock (s)"),
    "oldest_due_seconds": gettext_lazy("Longest overdue (s)"),
    "level": gettext_lazy("Isolation level (0–3)"),
    "landlock_abi": gettext_lazy("Landlock ABI"),
    "cgroups": gettext_lazy("Control groups"),
    "requests": gettext_lazy("Requests"),
    "notifications": gettext_lazy("Notifications"),
    "messages": gettext_lazy("Messages"),
}


@login_not_required
@takes(0)
@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database answers; Redis may be away, and is reported."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    state = {
        "database": database,
        "redis": queue.is_up(),
        "start": settings.START_NUMBER,
    }
    return JsonResponse(state, status=200 if database else 503)


@login_not_required
@takes(0)
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 503 only for what makes an accept answer 503; the rest is named with 200.

    Strangers get names of parts and yes or no; figures are for operators who may look,
    and for who sends MONITOR_TOKEN.
    """
    with translation.override("en"):
        parts = checkup.look()
    state = checkup.state_of(parts)
    if not _may_see_figures(request):
        state = {name: state[name] for name in FOR_STRANGERS}
    return JsonResponse(state, status=200 if state["ready"] else 503)


def _may_see_figures(request: HttpRequest) -> bool:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        known = settings.MONITOR_TOKEN
        return bool(known) and constant_time_compare(token.strip(), known)
    try:
        return access.may(request.user, OperatorRight.LOOK)
    except (DatabaseError, InterfaceError):
        return False  # Who it is stands in the database that is away.


@require_GET
@needs(OperatorRight.LOOK)
def show(request: HttpRequest) -> HttpResponse:
    """Show each part with its figures, and what to do about it."""
    parts = checkup.look()
    context = {
        "parts": [(TITLES[part.name], part, _figures(part)) for part in parts],
        "level": checkup.level_of(parts).name.lower(),
    }
    return render_page(request, "operate/health.html", context, partial="health")


def _figures(part: CheckedPart) -> list[tuple[str, Figure]]:
    """Return what monitors read under English names, in the reader's words."""
    return [(str(FIGURES[name]), _said(value)) for name, value in part.figures.items()]


def _said(value: Figure) -> Figure:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return "–" if value is None else value
