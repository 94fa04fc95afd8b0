"""The first page: from an empty install to a seen result in a minute."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from asyncconfig.exceptions import NotAccepted
from asyncconfig.models import Invocation
from console import access
from console.access import Right, needs
from console.explorer import exploring, samples
from console.installation import demo
from console.pages import submitting
from console.pages.observe import chain
from console.ui.htmx import render_page
from functions.models import Function, Project


@require_GET
@needs(Right.READ)
def show(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    made = demo.find(project)
    runs = _runs(project, request.GET.getlist("run")) if made else []
    context = {
        "demo": made,
        "runs": runs,
        "is_offered": settings.DEMO_OFFERED,
        "poll_seconds": min(
            (run["poll_seconds"] for run in runs if run["poll_seconds"]), default=0
        ),
        "steps": _steps(project),
        "api_calls": _api_calls(request, made) if made else [],
        "may_configure": access.may(request.user, Right.CONFIGURE),
        "may_invoke": access.may(request.user, Right.INVOKE),
    }
    return render_page(request, "welcome/show.html", context, partial="stage")


def _runs(project: Project, ids: list[str]) -> list[dict[str, Any]]:
    """Return the runs that the query names; what is no ID of ours is left out."""
    found = []
    for text in ids[-2:]:
        try:
            invocation = access.get_invocation(project, UUID(text))
        except (ValueError, Http404):
            continue
        nodes = chain.nodes_of(invocation)
        found.append(
            {
                "invocation": invocation,
                "nodes": nodes,
                "poll_seconds": chain.poll_seconds(invocation, nodes),
            }
        )
    return found


def _api_calls(request: HttpRequest, made: demo.Demo) -> list[dict[str, Any]]:
    """Return the API calls behind the page's buttons, as shell commands."""
    known = exploring.operations(request)
    values = {
        "project_id": made.source.project.project_id,
        "function_urn": made.source.urn(),
    }

    def written(name: str, body: bytes = b"") -> str:
        call = exploring.prepare(request, known[name], values, body.decode())
        return samples.as_curl(call)

    run, show = "AsyncInvokeFunction", "ShowFunctionAsyncInvokeConfig"
    return [
        {"label": _("Run: succeed"), "curl": written(run, demo.EVENTS["succeed"])},
        {"label": _("Run: fail"), "curl": written(run, demo.EVENTS["fail"])},
        {"label": _("See the configuration"), "curl": written(show)},
    ]


def _steps(project: Project) -> list[dict[str, Any]]:
    rows = Invocation.objects.in_project(project)
    return [
        {
            "label": _("function created"),
            "done": Function.objects.in_project(project).exists(),
        },
        {
            "label": _("first asynchronous run"),
            "done": rows.filter(mode=Invocation.Mode.ASYNC).exists(),
        },
        {
            "label": _("destination received"),
            "done": rows.filter(source_delivery__isnull=False).exists(),
        },
    ]


@require_POST
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    if not settings.DEMO_OFFERED:
        raise Http404
    project, by = access.get_project(request), access.person(request)
    submitting.once(request, lambda: demo.create(project, by=by).source.name)
    return redirect("welcome")


@require_POST
@needs(Right.INVOKE)
def run(request: HttpRequest, outcome: str) -> HttpResponse:
    made = demo.find(access.get_project(request))
    if made is None or outcome not in demo.EVENTS:
        raise Http404
    by = request.user.get_username()
    try:
        done = submitting.once(
            request, lambda: str(demo.run(made, outcome, by=by).request_id)
        )
    except NotAccepted as error:
        messages.error(request, str(error))
        return redirect("welcome")
    kept = [f"run={run_id}" for run_id in request.POST.getlist("run")[-1:]]
    query = "&".join([*kept, f"run={done.answer}"])
    return redirect(f"{reverse('welcome')}?{query}")


@require_POST
@needs(Right.CONFIGURE)
def remove(request: HttpRequest) -> HttpResponse:
    demo.remove(access.get_project(request))
    messages.success(request, _("Demo removed."))
    return redirect("welcome")
