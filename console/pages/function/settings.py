"""Configuration: general settings, versions and aliases."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from asyncconfig import clock, removing
from asyncconfig.config import saving
from console import access
from console.access import Right
from console.pages import dialogs, submitting
from console.pages.function import heads
from console.pages.function.heads import Head
from console.ui.htmx import posted, render_form
from functions import aliases, creating, publishing
from functions.exceptions import FunctionsError
from functions.forms import AliasForm, GeneralForm, VersionForm
from functions.models import Alias, Function, Version


@require_http_methods(["GET", "POST"])
def general(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = heads.load_settings(request, package, name)
    form = GeneralForm(posted(request), version=head.version)
    if form.is_valid():
        try:
            creating.configure(head.version, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Settings saved."))
            return redirect("function-general", package, name)
    context = {
        "head": head,
        "section": "general",
        "is_editable": head.may_configure and head.version.is_latest,
    }
    return render_form(request, "settings/general.html", form, context, partial="card")


@require_http_methods(["GET", "POST"])
def versions(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """List the versions; publish latest as a new one, its configuration included."""
    head = heads.load_settings(request, package, name)
    form = VersionForm(posted(request))
    if form.is_valid():
        try:
            done = submitting.once(request, lambda: _publish(request, head, form))
        except FunctionsError as error:
            form.add_error("name", str(error))
        else:
            params = {"name": done.answer}
            submitting.say(request, done, _("Version %(name)s published.") % params)
            return redirect("function-versions", package, name)
    context = {
        "head": head,
        "section": "versions",
        "versions": Version.objects.alive()
        .filter(function=head.function)
        .order_by("-pk"),
    }
    return render_form(request, "settings/versions.html", form, context, partial="card")


def _publish(request: HttpRequest, head: Head, form: VersionForm) -> str:
    """Publish latest, its configuration included; return the version's name."""
    published = publishing.publish(
        head.function,
        name=form.cleaned_data["name"],
        description=form.cleaned_data["description"],
        now=clock.now(),
    )
    latest = Version.objects.get(function=head.function, name="latest", deleted_at=None)
    saving.copy(latest, published, by=access.person(request))
    return published.name


@require_http_methods(["GET", "POST"])
def delete_version(
    request: HttpRequest, package: str, name: str, version: str
) -> HttpResponse:
    """Ask, and then delete a version; latest, and what an alias points at, stays."""
    head = heads.load(request, package, name, tab="settings", right=Right.CONFIGURE)
    found = get_object_or_404(
        Version.objects.alive(), function=head.function, name=version
    )
    if request.method == "GET":
        question = _(
            "Delete version %(name)s with its configuration? This can't be undone."
        )
        back = reverse("function-versions", args=[package, name])
        title = _("Delete version")
        return dialogs.ask(request, title, question % {"name": version}, back=back)
    try:
        removing.delete_version(found)
    except FunctionsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Version %(name)s deleted.") % {"name": version})
    return redirect("function-versions", package, name)


@require_http_methods(["GET", "POST"])
def list_aliases(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """List the aliases; create one, or point one elsewhere."""
    head = heads.load_settings(request, package, name)
    form = AliasForm(posted(request), function=head.function)
    if form.is_valid():
        cleaned = form.cleaned_data
        try:
            _point(head.function, form)
        except FunctionsError as error:
            form.add_error("name", str(error))
        else:
            messages.success(
                request, _("Alias %(name)s saved.") % {"name": cleaned["name"]}
            )
            return redirect("function-aliases", package, name)
    context = {
        "head": head,
        "section": "aliases",
        "aliases": head.function.aliases.select_related("version").order_by("name"),
    }
    return render_form(request, "settings/aliases.html", form, context, partial="card")


def _point(function: Function, form: AliasForm) -> None:
    cleaned = form.cleaned_data
    wanted = {
        "version": cleaned["version"],
        "description": cleaned["description"],
        "split": form.split(),
    }
    there = Alias.objects.filter(function=function, name=cleaned["name"]).first()
    if there is None:
        aliases.create(function, cleaned["name"], **wanted)
    else:
        aliases.point(there, **wanted)


@require_http_methods(["GET", "POST"])
def delete_alias(
    request: HttpRequest, package: str, name: str, alias: str
) -> HttpResponse:
    """Ask, and then delete an alias; the version it points at stays."""
    head = heads.load(request, package, name, tab="settings", right=Right.CONFIGURE)
    found = get_object_or_404(Alias, function=head.function, name=alias)
    if request.method == "GET":
        question = _("Delete alias %(name)s? Requests that name it are then refused.")
        back = reverse("function-aliases", args=[package, name])
        title = _("Delete alias")
        return dialogs.ask(request, title, question % {"name": alias}, back=back)
    found.delete()
    messages.success(request, _("Alias %(name)s deleted.") % {"name": alias})
    return redirect("function-aliases", package, name)
