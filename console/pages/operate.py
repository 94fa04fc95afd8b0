"""For operators: whether anything accepted went missing."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from asyncconfig import conserving
from console.htmx import render_page


@require_GET
def balance(request: HttpRequest) -> HttpResponse:
    """Count everything accepted and owed; whole tables are read for it."""
    if not (isinstance(request.user, User) and request.user.is_staff):
        raise PermissionDenied(_("Only staff may see this page."))
    context = {"balance": conserving.balance()}
    return render_page(request, "operate/balance.html", context, partial="balance")
