"""The access keys of the person who looks."""

import base64
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console import access
from console.access import Right, needs
from console.explorer import samples
from console.models import AccessKey
from console.pages import submitting
from console.security import access_keys
from console.security.access_keys import KeyRefused
from console.ui.htmx import posted, redirect_page, render_form, render_page
from functions.forms.base import Form


class KeyForm(Form):
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("What the key is for."),
    )


def _key(request: HttpRequest, access_key: str) -> AccessKey:
    return get_object_or_404(
        AccessKey, user=access.person(request), access_key=access_key
    )


def _listed(request: HttpRequest) -> dict[str, Any]:
    found = AccessKey.objects.filter(user=access.person(request)).order_by("pk")
    return {"keys": found, "is_full": len(found) >= access_keys.MAX_KEYS}


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "access_keys/index.html", _listed(request))


@never_cache
@sensitive_variables("secret", "key")
@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def create(request: HttpRequest) -> HttpResponse:
    """Create a key, and show its secret this once."""
    form = KeyForm(posted(request))
    context = _listed(request)
    if not form.is_valid():
        return render_form(request, "access_keys/create.html", form, context)
    try:
        done = submitting.once(request, lambda: _create(request, form))
    except KeyRefused as error:
        form.add_error(None, str(error))
        context |= {"form": form}
        return _dialog(request, "create", context, status=409)
    key = _key(request, done.answer)
    context |= _listed(request) | {
        "key": key,
        "csv": _csv(key),
        "sample": samples.signed_sample(request),
    }
    return _dialog(request, "created", context, status=200)


def _create(request: HttpRequest, form: KeyForm) -> str:
    told = form.cleaned_data["description"]
    return access_keys.create(access.person(request), description=told).access_key


def _csv(key: AccessKey) -> str:
    """Return a file of the pair, as the address that a download link has."""
    text = f"Access Key Id,Secret Access Key\r\n{key.access_key},{key.secret}\r\n"
    return "data:text/csv;base64," + base64.b64encode(text.encode()).decode()


def _dialog(
    request: HttpRequest, name: str, context: dict[str, Any], *, status: int
) -> HttpResponse:
    template = f"access_keys/{name}.html"
    return render_page(request, template, context, partial="dialog", status=status)


@require_POST
@needs(Right.READ)
def switch(request: HttpRequest, access_key: str) -> HttpResponse:
    key = _key(request, access_key)
    access_keys.set_active(key, active=request.POST.get("active") == "true")
    sentence = _("Key enabled.") if key.is_active else _("Key disabled.")
    messages.success(request, sentence)
    return redirect("access-keys")


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def delete(request: HttpRequest, access_key: str) -> HttpResponse:
    key = _key(request, access_key)
    if request.method == "POST":
        try:
            access_keys.delete(key)
        except KeyRefused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Key deleted."))
        return redirect_page(request, "/access-keys")
    context = {"key": key, "is_recent": access_keys.is_recent(key)} | _listed(request)
    return _dialog(request, "delete", context, status=200)
