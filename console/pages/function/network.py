"""Configuration → Network: which subnet a function is in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.pages.function import heads
from console.ui.htmx import posted, render_form
from functions import networks
from functions.exceptions import FunctionsError
from functions.forms import NetworkForm


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Turn a function's network and VPC access on or off; latest's only."""
    head = heads.load_settings(request, package, name)
    form = NetworkForm(posted(request), version=head.version)
    if form.is_valid():
        try:
            cleaned = form.cleaned_data
            networks.connect(
                head.version, cleaned["subnet"], network=cleaned["network"]
            )
        except FunctionsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Settings saved."))
            return redirect("function-network", package, name)
    context = {
        "head": head,
        "section": "network",
        "is_editable": head.may_configure and head.version.is_latest,
    }
    return render_form(request, "settings/network.html", form, context, partial="card")
