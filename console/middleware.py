"""What happens to every request."""

import uuid
import zoneinfo
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import redis
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import BadRequest, DisallowedHost
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    QueryDict,
    UnreadablePostError,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template import loader
from django.template.defaultfilters import filesizeformat
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from console import access
from console.api import routes
from console.door import limits
from console.pages import stale
from console.security.admin_site import right_for
from console.security.exceptions import QueuesAway, TryLater

GetResponse = Callable[[HttpRequest], HttpResponse]
View = Callable[..., HttpResponseBase]
REQUEST_ID = "X-Request-Id"
API_PREFIXES = ("/v1/", "/v2/", "/v3/", "/rest/v2/")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give each request an ID; pages of errors and the API's answers name it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        response = get_response(request)
        response.setdefault(REQUEST_ID, request.request_id)  # type: ignore[attr-defined]
        return response

    return middleware


def is_api(request: HttpRequest) -> bool:
    """Say whether a request is for the API, which has its own rules and errors."""
    return request.path_info.startswith(API_PREFIXES)


class SignInForPages(LoginRequiredMiddleware):
    """Sends strangers to the sign-in page; the API asks for signatures itself."""

    def process_view(
        self, request: HttpRequest, view: View, *rest: Any
    ) -> HttpResponseBase | None:
        # Who is there stands in the database, which pages about health may not need.
        is_open = not getattr(view, "login_required", True)
        if is_open or is_api(request):
            return None
        return super().process_view(request, view, *rest)

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view: Any
    ) -> HttpResponseBase:
        ended = stale.session_ended(request)
        return ended or super().handle_no_permission(request, view)


def api_manners(get_response: GetResponse) -> GetResponse:
    """Speak English in the API unless asked for Chinese; keep to its envelope.

    Clients match on codes and people read logs: the language of a sentence must
    not depend on the console's own.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return get_response(request)
        wanted = request.headers.get("Accept-Language", "").lower()
        language = "zh-hans" if wanted.startswith("zh") else "en"
        with translation.override(language):
            response = _answered(get_response, request)
        response["Content-Language"] = language
        return response

    return middleware


def _answered(get_response: GetResponse, request: HttpRequest) -> HttpResponse:
    """Answer a request for the API; what Django refuses gets the envelope too."""
    try:
        request.get_host()
    except DisallowedHost:
        sentence = _("This server is not known as %(host)s. Add it to ALLOWED_HOSTS.")
        params = {"host": request.headers.get("Host", "")}
        return _refusal(HTTPStatus.BAD_REQUEST, "FSS.0400", sentence % params)
    response = get_response(request)
    if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return response
    match = request.resolver_match
    if match is not None and routes.fits_by_chance(match):
        return routes.missing(request)
    allowed = response["Allow"]
    sentence = _("%(path)s takes %(allowed)s, not %(method)s.")
    params = {"path": request.path, "allowed": allowed, "method": request.method or ""}
    refusal = _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "FSS.0405", sentence % params)
    refusal["Allow"] = allowed
    return refusal


def _refusal(status: HTTPStatus, code: str, sentence: str) -> HttpResponse:
    return JsonResponse({"error_code": code, "error_msg": sentence}, status=status)


def no_nul(get_response: GetResponse) -> GetResponse:
    """Refuse NUL in what pages look up: PostgreSQL answers it with an error.

    The API says so itself, in its envelope. Files may hold what they like.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_api(request):
            return get_response(request)
        if "\x00" in request.path_info:
            raise Http404(_("The path holds a NUL character."))
        if _has_nul(request.GET):
            raise Http404(_("The query holds a NUL character."))
        if any("\x00" in value for value in request.COOKIES.values()):
            raise BadRequest
        return get_response(request)

    return middleware


class CheckedForms(MiddlewareMixin):
    """Refuses forms that are too large for their page, or hold NUL.

    It is the first that reads a form, and stands behind what sends strangers away.
    """

    def process_view(
        self, request: HttpRequest, view: View, *_rest: Any
    ) -> HttpResponse | None:
        if is_api(request):
            return None
        most = limits.most_of(view)
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            sentence = _("This page takes up to %(size)s. Send less.")
            params = {"size": filesizeformat(most)}
            return _refuse_page(
                request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence % params
            )
        with suppress(UnreadablePostError):  # Somebody went away; a view will notice.
            if _has_nul(request.POST):
                raise BadRequest
        return None


def late_bodies(get_response: GetResponse) -> GetResponse:
    """Answer for a body that did not arrive before the door gave up waiting for it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if limits.LATE not in request.META:
            return get_response(request)
        size = int(request.META["CONTENT_LENGTH"])
        sentence = _("The request did not arrive within %(seconds)d s. Send it again.")
        sentence %= {"seconds": limits.seconds_for(size)}
        if is_api(request):
            return _refusal(HTTPStatus.REQUEST_TIMEOUT, "FSS.0408", sentence)
        return _refuse_page(request, HTTPStatus.REQUEST_TIMEOUT, sentence)

    return middleware


def _refuse_page(
    request: HttpRequest, status: HTTPStatus, sentence: str
) -> HttpResponse:
    """Return a page for what was not taken; it asks no database who is there."""
    theme = request.COOKIES.get("theme", "system")
    context = {"request": request, "theme": theme, "sentence": sentence}
    page = loader.get_template("not_taken.html").render(context)
    return HttpResponse(page, status=status)


def _has_nul(fields: QueryDict) -> bool:
    lists = fields.lists()
    return any("\x00" in value for _name, values in lists for value in values)


def time_zone(get_response: GetResponse) -> GetResponse:
    """Show times in the browser's zone, which app.js stores in a cookie."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get("tz", "")
        try:
            zone = zoneinfo.ZoneInfo(name) if name else None
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            zone = None
        if zone is None:
            return get_response(request)
        with timezone.override(zone):
            return get_response(request)

    return middleware


class OperatorsOnly:
    """Closes everything under the administration to those without the right for it."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *rest: Any) -> None:
        match = request.resolver_match
        if match and "admin" in match.namespaces:
            right = right_for(request, match)
            if right is not None:
                access.require(request.user, right)


class TryLaterPage:
    """Answers for every page that can do nothing just now, whichever it is."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if isinstance(error, redis.RedisError):
            error = QueuesAway()
        if not isinstance(error, TryLater):
            return None
        context = {"sentence": str(error)}
        page = render(request, "later.html", context, status=error.status)
        page["Retry-After"] = str(error.seconds)
        return page


def admin_styles(get_response: GetResponse) -> GetResponse:
    """Relax the policy under /admin/ only, whose pages use inline styles."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = {  # type: ignore[attr-defined]
                "style-src": ["'unsafe-inline'"],
                "script-src": ["'unsafe-inline'"],
            }
        return response

    return middleware
