"""The page for what should not happen; it must not need what may be broken."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database is away, 500 for a fault of ours.

    Rendered without context processors: those would ask the database.
    """
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    context = {
        "request": request,
        "theme": request.COOKIES.get("theme", "system"),
        "is_away": away,
    }
    page = loader.get_template("500.html").render(context)
    return HttpResponse(page, status=503 if away else 500)
