"""The list of functions; create, enable, disable and delete them."""

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from asyncconfig import graph, removing
from asyncconfig.models import AsyncConfig, Topic
from console import access
from console.access import Right, needs
from console.pages.function import heads
from console.ui.htmx import posted, render_form, render_page
from functions import creating, names, samples
from functions.code import text_package
from functions.exceptions import LimitReached, NameTaken
from functions.forms import FunctionForm
from functions.models import Function, Project, Version
from functions.models.function import DEFAULT_MAX_INSTANCES, FunctionQuerySet


@require_GET
@needs(Right.READ)
def home(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    any_function = Function.objects.in_project(project).exists()
    return redirect("functions" if any_function else "welcome")


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    text = request.GET.get("q", "").strip()
    functions = _listed(project, text)
    context = {
        "functions": functions,
        "text": text,
        "looping": _looping(project, functions),
        "may_configure": access.may(request.user, Right.CONFIGURE),
        "may_invoke": access.may(request.user, Right.INVOKE),
    }
    return render_page(request, "functions/index.html", context, partial="rows")


def _listed(project: Project, text: str) -> list[Function]:
    functions: FunctionQuerySet = Function.objects.in_project(project)
    if text:
        functions = functions.filter(
            Q(name__icontains=text)
            | Q(versions__name=names.LATEST, versions__description__icontains=text)
        )
    current = AsyncConfig.objects.current()
    latest = (
        Version.objects.alive()
        .filter(name=names.LATEST)
        .prefetch_related(Prefetch("async_configs", current, to_attr="current_configs"))
    )
    return list(
        functions.order_by("package", "name")
        .distinct()
        .prefetch_related(Prefetch("versions", latest, to_attr="latest_versions"))
    )


def _looping(project: Project, functions: list[Function]) -> set[int]:
    """Return the functions that are part of a loop, from one look at all edges."""
    arrows = graph.of_project(project)
    targets = {name: {edge.target for edge in ways} for name, ways in arrows.items()}
    return {
        function.pk
        for function in functions
        if (name := function.shown_name) in _reachable(targets, name)
    }


def _reachable(targets: dict[str, set[str]], source: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(targets.get(source, ()))
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting.extend(targets.get(at, ()))
    return seen


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    form = FunctionForm(posted(request), project=project)
    if form.is_valid():
        try:
            function = creating.create(project, _new(form))
        except (NameTaken, LimitReached) as error:
            form.add_error("name", str(error))
        else:
            messages.success(
                request, _("Function %(name)s created.") % {"name": function.name}
            )
            return redirect("function-code", function.package, function.name)
    return render_form(request, "functions/create.html", form, {}, partial="form")


def _new(form: FunctionForm) -> creating.FunctionDraft:
    cleaned = form.cleaned_data
    source = samples.SOURCES[cleaned["starter"]][1]
    return creating.FunctionDraft(
        name=cleaned["name"],
        runtime=cleaned["runtime"],
        handler=cleaned["handler"],
        agency=cleaned["agency"],
        code=text_package(source, handler=cleaned["handler"]),
    )


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = heads.load(request, package, name, tab="code", right=Right.CONFIGURE)
    typed = request.POST.get("name", "")
    if request.method == "POST" and typed == head.function.name:
        removing.delete_function(head.function)
        messages.success(request, _("Function %(name)s deleted.") % {"name": name})
        return redirect("functions")
    context = {
        "head": head,
        "told_by": graph.told_by(head.function),
        "topics": Topic.objects.filter(subscriptions__function=head.function),
        "is_wrong": request.method == "POST",
    }
    status = 422 if request.method == "POST" else 200
    return render_page(
        request, "functions/delete.html", context, partial="form", status=status
    )


@require_POST
def switch(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Enable or disable a function; what waits for a disabled one is discarded."""
    head = heads.load(request, package, name, tab="code", right=Right.CONFIGURE)
    if request.POST.get("enabled") == "true":
        creating.set_max_instances(head.function, DEFAULT_MAX_INSTANCES)
        messages.success(request, _("Function %(name)s enabled.") % {"name": name})
    else:
        removing.disable_function(head.function)
        messages.success(request, _("Function %(name)s disabled.") % {"name": name})
    return redirect("function-code", package, name)
