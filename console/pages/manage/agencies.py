"""Agencies: the rights and keys with which functions reach other services."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import (
    sensitive_post_parameters,
    sensitive_variables,
)
from django.views.decorators.http import require_GET, require_http_methods

from asyncconfig import removing
from console import access
from console.access import Right, needs
from console.pages import dialogs
from console.ui.htmx import posted, render_form, render_page
from functions import agencies
from functions.exceptions import AgencyExists, Gone, StillUsed
from functions.forms import AgencyForm, NewAgencyForm
from functions.forms.agency import SERVICES
from functions.models import Agency, Function, Project, Version
from functions.models.agency import PLACED_SERVICES


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    context = _listed(access.get_project(request)) | {
        "may_configure": access.may(request.user, Right.CONFIGURE)
    }
    return render_page(request, "agencies/index.html", context, partial="rows")


def _listed(project: Project) -> dict[str, Any]:
    found = list(Agency.objects.filter(project=project).order_by("name"))
    users = _users(found)
    return {
        "agencies": [
            {
                "agency": agency,
                "allowed": [(a, SERVICES.get(a, "")) for a in agency.actions],
                "endpoints": _endpoints(agency),
                "users": users.get(agency.pk, []),
            }
            for agency in found
        ]
    }


def _endpoints(agency: Agency) -> list[tuple[str, str]]:
    """Return the services that are elsewhere, with the hosts they are on."""
    reach = agency.reach
    placed = ((kind, reach.endpoint(kind)) for kind in PLACED_SERVICES)
    return [(kind, urlsplit(url).netloc) for kind, url in placed if url]


def _users(found: Iterable[Agency]) -> dict[int, list[tuple[str, str]]]:
    """Return the functions of each agency, package and name, by its key."""
    versions = Version.objects.alive().filter(agency__in=found)
    rows = versions.values_list("agency", "function__package", "function__name")
    users: dict[int, list[tuple[str, str]]] = {}
    for key, package, name in rows.distinct().order_by(
        "function__package", "function__name"
    ):
        users.setdefault(key, []).append((package, name))
    return users


@sensitive_post_parameters("secret_key")
@sensitive_variables("form", "data")
@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    form = NewAgencyForm(posted(request), project=project)
    if form.is_valid():
        try:
            made = agencies.create(project, form.cleaned_data["name"], form.wanted())
        except AgencyExists as error:
            form.add_error("name", str(error))
        else:
            messages.success(
                request, _("Agency %(name)s created.") % {"name": made.name}
            )
            return redirect("agencies")
    return _form(request, form, None)


@sensitive_post_parameters("secret_key")
@sensitive_variables("form", "data")
@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    agency = access.get_agency(access.get_project(request), pk)
    form = AgencyForm(posted(request), agency=agency)
    if form.is_valid():
        try:
            agencies.change(agency, form.wanted())
        except Gone as error:
            messages.error(request, str(error))
        else:
            sentence = _("Agency %(name)s saved.") % {"name": agency.name}
            messages.success(request, sentence)
        return redirect("agencies")
    return _form(request, form, agency)


def _form(
    request: HttpRequest, form: AgencyForm, agency: Agency | None
) -> HttpResponse:
    context = {
        "agency": agency,
        "users": agencies.users_of(agency) if agency else [],
    }
    return render_form(request, "agencies/edit.html", form, context, partial="form")


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    agency = access.get_agency(access.get_project(request), pk)
    params = {"agency": agency.name, "name": agency.name}
    if request.method == "POST":
        try:
            removing.delete_agency(agency)
        except StillUsed as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Agency %(name)s deleted.") % params)
        return redirect("agencies")
    title, back = _("Delete agency"), reverse("agencies")
    if users := [_used_by(function) for function in agencies.users_of(agency)]:
        why = _("These functions use agency %(agency)s. Give them another one first.")
        return dialogs.refuse(request, title, why % params, users, back=back)
    question = _(
        "Delete agency %(agency)s? Its key is deleted with it and cannot be recovered."
    )
    return dialogs.ask(request, title, question % params, back=back)


def _used_by(function: Function) -> dialogs.UsedBy:
    named = [function.package, function.name]
    return dialogs.UsedBy(function.name, reverse("function-permissions", args=named))
