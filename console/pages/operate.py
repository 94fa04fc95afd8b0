"""For operators: whether anything accepted went missing."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from asyncconfig import conserving
from console.access import OperatorRight, needs
from console.htmx import render_page


@require_GET
@needs(OperatorRight.LOOK)
def balance(request: HttpRequest) -> HttpResponse:
    """Count everything accepted and owed; whole tables are read for it."""
    context = {"balance": conserving.balance()}
    return render_page(request, "operate/balance.html", context, partial="balance")
