"""Who may send a body that has not arrived: asked with the head of a request alone."""

from io import BytesIO

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve

from console.door.environ import Environ
from console.door.limits import ANYBODY, HEAD_ONLY, most_of
from console.middleware import is_api
from console.pages import stale
from console.security import browsers


def admit(environ: Environ) -> str | None:
    """Return on whose account a body may come in; None when it must stay outside.

    Whoever is not admitted gets no answer from here: the application, asked without
    the body, says why. Runs in a thread, since it may ask the database.
    """
    request = WSGIRequest({**environ, HEAD_ONLY: True, "wsgi.input": BytesIO()})
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    if is_api(request):
        match.func(request, *match.args, **match.kwargs)
        admitted: str | None = getattr(request, "admitted", None)
        return admitted
    try:
        return _for_page(request, match, int(environ["CONTENT_LENGTH"]))
    except DatabaseError:
        return None


def _for_page(request: HttpRequest, match: ResolverMatch, size: int) -> str | None:
    if size > most_of(match.func):
        return None
    if not getattr(match.func, "login_required", True):
        return ANYBODY
    SessionMiddleware(_nothing).process_request(request)
    user = get_user(request)
    if user.is_authenticated:
        return str(user.pk)
    # What was typed before the session ended is offered again.
    may_keep = size <= stale.MAX_KEPT_BYTES and browsers.is_known(request)
    return ANYBODY if may_keep else None


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()
