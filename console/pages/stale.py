"""A form whose page, or whose session, has ended: what was typed is not lost.

htmx gets a notice that app.js puts beside what was typed. Everybody else gets a page
that can send the form again, without JavaScript.
"""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from console.pages.manage import account
from console.security import browsers
from console.ui.htmx import local_part, next_page, page_of, wants_fragment

NOTICE = "X-Notice"
MAX_KEPT_BYTES = 1024 * 1024
SECRETS = re.compile("password|secret|token|encrypted", re.IGNORECASE)
CSRF_FIELD = "csrfmiddlewaretoken"

Fields = list[tuple[str, str]]


def out_of_date(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form of a page that is older than the browser's CSRF cookie."""
    if request.resolver_match and request.resolver_match.url_name == "login":
        return _sign_in_again(request)
    if wants_fragment(request):
        return _notice(request, "out-of-date", status=403)
    kept = typed(request) if request.user.is_authenticated else None
    context = {"kept": kept, "back": _page_before(request)}
    page = render(request, "stale/out_of_date.html", context, status=403)
    add_never_cache_headers(page)
    return page


def session_ended(request: HttpRequest) -> HttpResponse | None:
    """Answer 401 to somebody whose session ended; None for one who had none here."""
    if wants_fragment(request):
        return _notice(request, "session-ended", status=401)
    # Nothing of a stranger's is read; with the cookie comes who signed in here before.
    if request.method != "POST" or not browsers.is_known(request):
        return None
    context = {"kept": typed(request), "login": _login_url(_page_before(request))}
    page = render(request, "stale/session_ended.html", context, status=401)
    add_never_cache_headers(page)
    return page


def typed(request: HttpRequest) -> Fields | None:
    """Return what was typed; None where it cannot, or must not, be sent again.

    Only a form that one of our own pages has sent may be offered again: for another
    site's, the button would be what CSRF protection is against. Secrets are not put
    into pages, and files cannot be.
    """
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if request.method != "POST" or size > MAX_KEPT_BYTES or not _is_ours(request):
        return None
    try:
        pairs = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if isinstance(value, str) and name != CSRF_FIELD
        ]
    except UnreadablePostError:
        return None
    is_secret = any(value and SECRETS.search(name) for name, value in pairs)
    return None if is_secret or request.FILES else pairs


def _is_ours(request: HttpRequest) -> bool:
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    origin = request.headers.get("Origin", "")
    own = f"{request.scheme}://{request.get_host()}"
    return origin == own or origin in settings.CSRF_TRUSTED_ORIGINS


def _sign_in_again(request: HttpRequest) -> HttpResponse:
    """Show the sign-in page as it is now, or lead on who has signed in meanwhile."""
    target = next_page(request)
    if request.user.is_authenticated:
        return redirect(target)
    problem = _("This page was out of date. Sign in again.")
    return account.login_page(request, target, problem=problem, status=403)


def _notice(request: HttpRequest, kind: str, *, status: int) -> HttpResponse:
    context = {
        "kind": kind,
        "login": _login_url(page_of(request)),
        "is_poll": request.method == "GET",
    }
    response = render(request, "stale/notice.html", context, status=status)
    response[NOTICE] = kind
    add_never_cache_headers(response)
    return response


def _page_before(request: HttpRequest) -> str:
    """Return our page that sent the form; the start where the browser does not say."""
    before = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        before, {request.get_host()}, require_https=request.is_secure()
    )
    return local_part(before if is_ours else "/")


def _login_url(back: str) -> str:
    return f"{reverse('login')}?{urlencode({'next': back})}"
