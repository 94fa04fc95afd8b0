"""The pages for what is not there, and for what should not happen."""

import sys
from difflib import get_close_matches

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.urls import Resolver404
from django.utils.translation import gettext as _

from console import access
from console.sqlite.turn import NoTurn
from console.ui.context import item_of
from functions.models import Function

MAX_SIMILAR_PAGES = 3


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 with what is missing, and the functions that may be meant."""
    context = {
        "sentence": _sentence(exception),
        "similar": _similar(request),
        "list": item_of(request),
    }
    return render(request, "404.html", context, status=404)


def _sentence(exception: Exception) -> str:
    if isinstance(exception.__context__, ObjectDoesNotExist):
        return _("It does not exist, or no longer does.")
    if isinstance(exception, Resolver404) or not str(exception):
        return _("There is no page at this address.")
    return str(exception)


def _similar(request: HttpRequest) -> list[Function]:
    """Return the project's functions whose names are close to one that is missing."""
    wanted = request.resolver_match.kwargs if request.resolver_match else {}
    user = getattr(request, "user", None)
    if "package" not in wanted or not isinstance(user, User):
        return []
    if not access.may(user, access.Right.READ) or not access.get_projects(request):
        return []
    found = Function.objects.in_project(access.get_project(request))
    names = set(found.values_list("name", flat=True))
    if wanted["name"] in names:
        return []
    close = get_close_matches(wanted["name"], names, MAX_SIMILAR_PAGES)
    return sorted(
        found.filter(name__in=close)[:MAX_SIMILAR_PAGES],
        key=lambda function: close.index(function.name),
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database is away or busy, 500 for a fault of ours.

    This page must not need what may be broken, so it is rendered without context
    processors: those would ask the database.
    """
    error = sys.exc_info()[1]
    away = isinstance(error, OperationalError | InterfaceError)
    context = {
        "request": request,
        "theme": request.COOKIES.get("theme", "system"),
        "is_away": away,
        "is_busy": isinstance(error, NoTurn),
    }
    page = loader.get_template("500.html").render(context)
    return HttpResponse(page, status=503 if away else 500)
