"""Configuration → Network: which subnet a function is in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.pages.function import heads
from console.ui.htmx import render_page
from functions import networks
from functions.exceptions import FunctionsError
from functions.forms import NetworkForm


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Turn a function's VPC access on or off; published versions are read-only."""
    head = heads.load_settings(request, package, name)
    data = request.POST if request.method == "POST" else None
    form = NetworkForm(data, version=head.version)
    if form.is_valid():
        try:
            networks.connect(head.version, form.cleaned_data["subnet"])
        except FunctionsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Settings saved."))
            return redirect("function-network", package, name)
    context = {
        "head": head,
        "section": "network",
        "form": form,
        "is_editable": head.may_configure and head.version.is_latest,
    }
    status = 422 if form.is_bound else 200
    return render_page(
        request, "settings/network.html", context, partial="card", status=status
    )
