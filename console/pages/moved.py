"""Addresses that pages had before."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.decorators.http import require_safe


@require_safe
def moved(request: HttpRequest, now: str, rest: str = "") -> HttpResponse:
    """Lead from a former address to what it is now, with its query.

    Only for reading: a form of a page from before the upgrade gets 405, for what it
    was meant to change may no longer be the same.
    """
    query = request.META.get("QUERY_STRING", "")
    target = now + quote(rest)
    return HttpResponsePermanentRedirect(f"{target}?{query}" if query else target)
