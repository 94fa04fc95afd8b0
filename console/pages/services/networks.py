"""VPCs and their subnets.

Nothing is sent to a network, but it is made, listed and deleted like a service, and
RocketMQ instances stand in one. Its models are in `functions`, since a version is
put into a subnet whether it notifies anybody or not.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from asyncconfig import removing
from console import access
from console.access import Right, needs
from console.pages import dialogs
from console.pages.dialogs import UsedBy
from console.ui.htmx import posted, redirect_page, render_form, render_page
from functions import networks
from functions.exceptions import FunctionsError, NameTaken, RangeRefused
from functions.forms import SubnetForm, VpcForm
from functions.models import Subnet, Version, Vpc

MAX_SHOWN_USERS = 20
IN_USE = Q(versions__deleted_at=None, versions__function__deleted_at=None)


def _field(error: FunctionsError) -> str | None:
    """Return the field that an error is about."""
    if isinstance(error, RangeRefused):
        return "cidr"
    return "name" if isinstance(error, NameTaken) else None


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    return render_page(
        request, "services/networks/index.html", _listed(request), partial="rows"
    )


def _listed(request: HttpRequest) -> dict[str, Any]:
    """Return the project's VPCs, at most twenty."""
    vpcs = Vpc.objects.filter(project=access.get_project(request)).annotate(
        subnet_count=Count("subnets", distinct=True),
        version_count=Count("versions", filter=IN_USE, distinct=True),
        instance_count=Count("rocket_instances", distinct=True),
    )
    return {
        "vpcs": vpcs.order_by("-pk"),
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    form = VpcForm(posted(request))
    if form.is_valid():
        project = access.get_project(request)
        try:
            vpc = networks.create_vpc(project, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(_field(error), str(error))
        else:
            messages.success(request, _("VPC %(name)s created.") % {"name": vpc.name})
            return redirect_page(request, reverse("network", args=[vpc.vpc_id]))
    context = _listed(request)
    return render_form(request, "services/networks/create.html", form, context)


@require_GET
@needs(Right.READ)
def show(request: HttpRequest, vpc_id: UUID) -> HttpResponse:
    vpc = access.get_vpc(access.get_project(request), vpc_id)
    context = _shown(request, vpc)
    return render_page(request, "services/networks/show.html", context, partial="rows")


def _shown(request: HttpRequest, vpc: Vpc) -> dict[str, Any]:
    """Return a VPC and its subnets, at most fifty."""
    counted = vpc.subnets.annotate(version_count=Count("versions", filter=IN_USE))
    return {
        "vpc": vpc,
        "subnets": counted.order_by("-pk"),
        "instances": vpc.rocket_instances.order_by("name"),
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def create_subnet(request: HttpRequest, vpc_id: UUID) -> HttpResponse:
    vpc = _changed_vpc(request, vpc_id)
    form = SubnetForm(posted(request))
    if form.is_valid():
        try:
            subnet = networks.create_subnet(vpc, **form.cleaned_data)
        except FunctionsError as error:
            form.add_error(_field(error), str(error))
        else:
            params = {"name": subnet.name}
            messages.success(request, _("Subnet %(name)s created.") % params)
            return redirect_page(request, reverse("network", args=[vpc.vpc_id]))
    context = _shown(request, vpc)
    return render_form(request, "services/networks/create_subnet.html", form, context)


def _changed_vpc(request: HttpRequest, vpc_id: UUID) -> Vpc:
    """Return a VPC that is about to change; another project's does not exist."""
    vpc = access.get_vpc(access.get_project(request), vpc_id)
    access.require(request.user, Right.CONFIGURE)
    return vpc


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def delete(request: HttpRequest, vpc_id: UUID) -> HttpResponse:
    """Ask, and then delete a VPC; what is used says by whom, and stays."""
    vpc = _changed_vpc(request, vpc_id)
    if request.method == "GET":
        users = [*_instances_in(vpc), *_functions_in(vpc)]
        question = _("Delete %(name)s with its subnets? This can't be undone.")
        return _ask(request, vpc, users, _("Delete VPC"), question)
    try:
        removing.delete_vpc(vpc)
    except FunctionsError as error:
        messages.error(request, str(error))
        return redirect("network", vpc_id)
    messages.success(request, _("VPC %(name)s deleted.") % {"name": vpc.name})
    return redirect("networks")


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def delete_subnet(request: HttpRequest, vpc_id: UUID, subnet_id: UUID) -> HttpResponse:
    """Ask, and then delete a subnet; what is used says by whom, and stays."""
    vpc = _changed_vpc(request, vpc_id)
    subnet = get_object_or_404(Subnet, vpc=vpc, subnet_id=subnet_id)
    if request.method == "GET":
        question = _("Delete %(key)s? This can't be undone.")
        users = _functions_in(subnet)
        return _ask(request, subnet, users, _("Delete subnet"), question)
    try:
        removing.delete_subnet(subnet)
    except FunctionsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Subnet %(name)s deleted.") % {"name": subnet.name})
    return redirect("network", vpc_id)


def _instances_in(vpc: Vpc) -> list[UsedBy]:
    found = vpc.rocket_instances.order_by("name")[:MAX_SHOWN_USERS]
    return [
        UsedBy(one.name, reverse("rocketmq-instance", args=[one.instance_id]))
        for one in found
    ]


def _functions_in(network: Vpc | Subnet) -> list[UsedBy]:
    """Return the functions in a network, with the page that takes each out of it."""
    related = (
        network.versions.alive()
        .select_related("function")
        .order_by("function__name", "pk")
    )
    return [_user(version) for version in related[:MAX_SHOWN_USERS]]


def _user(version: Version) -> UsedBy:
    function, name = version.function, version.function.name
    url = reverse("function-network", args=[function.package, name])
    if version.is_latest:
        return UsedBy(name, url)
    return UsedBy(f"{name} : {version.name}", f"{url}?v={version.name}")


def _ask(
    request: HttpRequest,
    network: Vpc | Subnet,
    users: list[UsedBy],
    title: str,
    question: str,
) -> HttpResponse:
    """Ask before a network goes; one in use names its users instead."""
    vpc = network if isinstance(network, Vpc) else network.vpc
    back = reverse("network", args=[vpc.vpc_id])
    params = {"name": network.name, "key": network.name}
    if users:
        why = _("%(name)s is in use. Move these elsewhere first:") % params
        return dialogs.refuse(request, title, why, users, back=back)
    return dialogs.ask(request, title, question % params, back=back)
