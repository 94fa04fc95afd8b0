"""The only place that knows of htmx: whole pages, fragments, redirects."""

from typing import Any
from urllib.parse import urlsplit

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


def wants_fragment(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part; a restored or boosted page is a whole one."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    return bool(htmx) and not (htmx and (htmx.boosted or htmx.history_restore_request))


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    partial: str,
    status: int = 200,
) -> HttpResponse:
    """Render the page, or only its partial when htmx wants a fragment."""
    fragment = wants_fragment(request)
    name = f"{template}#{partial}" if fragment else template
    response = render(request, name, context | {"is_fragment": fragment}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    if fragment:
        response["Cache-Control"] = "no-store"
    return response


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form was sent with; None while it is only shown."""
    return request.POST if request.method == "POST" else None


def render_form(
    request: HttpRequest,
    template: str,
    form: BaseForm,
    context: dict[str, Any],
    *,
    partial: str = "dialog",
) -> HttpResponse:
    """Render a form's page, or its partial; 422 for a form that was refused."""
    status = 422 if form.is_bound else 200
    context = {"form": form} | context
    return render_page(request, template, context, partial=partial, status=status)


def page_of(request: HttpRequest) -> str:
    """Return our page, with its query, on which htmx sends the request."""
    return local_part(request.headers.get("HX-Current-URL", "/"))


def local_part(url: str) -> str:
    """Return the path of an address, with its query.

    It begins with one slash: two would make it the address of another host.
    """
    page = urlsplit(url)
    return "/" + page.path.lstrip("/") + (f"?{page.query}" if page.query else "")


def show_address(response: HttpResponse, url: str) -> None:
    """Let the browser's address say what a fragment now shows."""
    response["HX-Replace-Url"] = url


def next_page(request: HttpRequest, *, otherwise: str = "/") -> str:
    """Return where a form wants to go on, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    )
    # Without its slash it is no address, but might be the name of a page.
    return wanted if wanted.startswith("/") and is_ours else otherwise


def redirect_page(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to another page, also when htmx made the request."""
    if wants_fragment(request):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)
