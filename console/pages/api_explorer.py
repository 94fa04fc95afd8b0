"""The API explorer: choose an operation, fill it in, see what it answers."""

import json
from itertools import zip_longest
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from asyncconfig.exceptions import StillRunning
from asyncconfig.models import Invocation
from console import access
from console.access import Right, needs
from console.door.limits import form_with, takes
from console.explorer import exploring, samples
from console.explorer.exploring import ApiAnswer, ApiCall, Operation
from console.pages import submitting
from console.security.callers import address_of
from console.ui.htmx import render_page
from functions.models import Alias, Function, Project, Version

FIRST = "AsyncInvokeFunction"
GROUPS: dict[str, str | Promise] = {
    "invocation": gettext_lazy("Invocation"),
    "async-invoke-config": gettext_lazy("Async configuration"),
    "function": gettext_lazy("Functions"),
    "code": gettext_lazy("Code"),
    "version": gettext_lazy("Versions"),
    "alias": gettext_lazy("Aliases"),
    "event": gettext_lazy("Test events"),
    "tag": gettext_lazy("Tags"),
    "log": gettext_lazy("Log switches"),
    "statistics": gettext_lazy("Statistics"),
    "absent": gettext_lazy("Not here"),
    "iam": gettext_lazy("Identity"),
    "dis": gettext_lazy("DIS"),
    "smn": gettext_lazy("SMN"),
}
LOCATIONS: dict[str, str | Promise] = {
    "path": gettext_lazy("path"),
    "query": gettext_lazy("query"),
    "header": gettext_lazy("header"),
}
MAX_FIELD_ROWS = 50
MARGIN_SECONDS = 10
HIDDEN = "••••••"


@takes(form_with(settings.SYNC_BODY_LIMIT))
@never_cache
@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def explore(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    known = exploring.operations(request)
    operation = known.get(request.GET.get("operation") or FIRST)
    if operation is None:
        raise Http404(_("There is no such operation."))
    text = request.GET.get("q", "").strip()
    context = {
        "groups": _groups(known, text),
        "text": text,
        "operation": operation,
        "fields": _fields(request, operation, project),
        "region": request.POST.get("region", settings.REGION),
        "own_region": settings.REGION,
        "urns": _urns(project),
    }
    context |= _body(request, operation)
    if request.method == "POST" and "as" not in request.POST:
        context |= _tried(request, operation, context)
    return render_page(request, "api_explorer/show.html", context, partial="answer")


def _groups(known: dict[str, Operation], text: str) -> list[dict[str, Any]]:
    groups = []
    for tag, label in GROUPS.items():
        members = [one for one in known.values() if one.tag == tag and _fits(one, text)]
        members.sort(key=lambda one: one.id != FIRST)
        if members:
            groups.append(
                {
                    "label": label,
                    "members": [
                        {"operation": one, "summary": _(one.summary)} for one in members
                    ],
                }
            )
    return groups


def _fits(operation: Operation, text: str) -> bool:
    told = f"{operation.id} {_(operation.summary)}".lower()
    return text.lower() in told


def _fields(
    request: HttpRequest, operation: Operation, project: Project
) -> list[dict[str, Any]]:
    """Return the operation's parameters with what is filled in so far."""
    usual = {
        "project_id": project.project_id,
        "resource_type": "functions",
        "function_urn": request.GET.get("urn", ""),
    }
    fields = []
    for parameter in operation.parameters:
        value = usual.get(parameter.name, parameter.default)
        if request.method == "POST":
            value = request.POST.get(f"p-{parameter.name}", "")
        description = _(parameter.description) if parameter.description else ""
        fields.append(
            {
                "parameter": parameter,
                "location": LOCATIONS[parameter.location],
                "value": value,
                "description": description,
            }
        )
    return fields


def _urns(project: Project) -> list[str]:
    """Return what function_urn may be, for the field's suggestions."""
    functions = {
        function.pk: function
        for function in Function.objects.in_project(project).select_related("project")
    }
    versions = Version.objects.alive().filter(function__in=functions)
    aliases = Alias.objects.filter(function__in=functions)
    named = [
        *versions.values_list("function", "name"),
        *((pk, f"!{name}") for pk, name in aliases.values_list("function", "name")),
    ]
    return sorted(functions[pk].urn(name) for pk, name in named)


def _body(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    """Return the body as it is being written: rows of keys and values, or JSON."""
    may_be_rows = operation.tag == "invocation" and operation.id != (
        "CancelAsyncInvocation"
    )
    if request.method != "POST":
        example = json.dumps(operation.example, ensure_ascii=False, indent=4)
        return {"rows": [("", "")] if may_be_rows else None, "body": example}
    rows = _rows(request)
    body = request.POST.get("body", "").replace("\r\n", "\n")
    wanted = request.POST.get("as", "")
    if wanted == "json":
        return {"rows": None, "body": _object(rows), "may_be_rows": may_be_rows}
    if wanted == "rows":
        return {"rows": _pairs(body)}
    if wanted == "more":
        return {"rows": [*rows, ("", "")]}
    if "key" in request.POST:
        return {"rows": rows or [("", "")], "body": _object(rows)}
    return {"rows": None, "body": body, "may_be_rows": may_be_rows}


def _rows(request: HttpRequest) -> list[tuple[str, str]]:
    keys, values = request.POST.getlist("key"), request.POST.getlist("value")
    pairs = list(zip_longest(keys, values, fillvalue=""))[:MAX_FIELD_ROWS]
    return [pair for pair in pairs if any(pair)]


def _object(rows: list[tuple[str, str]]) -> str:
    return json.dumps(dict(rows), ensure_ascii=False, separators=(",", ":"))


def _pairs(body: str) -> list[tuple[str, str]]:
    """Return a JSON object as rows; what is none becomes an empty row."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = {}
    members = read.items() if isinstance(read, dict) else ()
    rows = [(key, v if isinstance(v, str) else json.dumps(v)) for key, v in members]
    return rows or [("", "")]


def _tried(
    request: HttpRequest, operation: Operation, context: dict[str, Any]
) -> dict[str, Any]:
    """Send what is filled in; return the call and its answer for the page."""
    values = {one["parameter"].name: one["value"].strip() for one in context["fields"]}
    missing = [
        one["parameter"].name
        for one in context["fields"]
        if one["parameter"].is_required and not values[one["parameter"].name]
    ]
    if context["region"] != settings.REGION:
        params = {"own": settings.REGION, "other": context["region"]}
        return {"problem": _("This server is %(own)s, not %(other)s.") % params}
    if missing:
        names = ", ".join(missing)
        return {"problem": _("Fill in: %(names)s.") % {"names": names}}
    body = context["body"] if operation.has_body else ""
    call = exploring.prepare(request, operation, values, body)
    try:
        answer = _sent_once(request, call)
    except StillRunning as error:
        return {"problem": str(error)}
    return {
        "call": call,
        "answer": answer,
        "curl": samples.as_curl(call),
        "sdk": samples.as_sdk(call),
        "invocation": _started(answer),
        "sent": _sent(call),
    }


def _sent_once(request: HttpRequest, call: ApiCall) -> ApiAnswer:
    """Send the call, or return what it was answered when this form was sent before."""
    user = access.person(request)

    def send() -> str:
        return exploring.send(call, user, caller=address_of(request)).written()

    longest = settings.SYNC_WAIT_SECONDS + MARGIN_SECONDS
    done = submitting.once_outside(request, send, seconds=longest)
    return ApiAnswer.read(done.answer)


def _sent(call: ApiCall) -> str:
    """Write the request as it went out, but for the token."""
    told = {"X-Auth-Token": HIDDEN} | call.headers
    lines = [f"{call.operation.method} {call.target}"]
    lines += [f"{name}: {value}" for name, value in told.items()]
    return "\n".join(lines) + (f"\n\n{call.body}" if call.body else "")


def _started(answer: ApiAnswer) -> Invocation | None:
    """Return the request that a call started."""
    request_id = dict(answer.headers).get("X-Cff-Request-Id")
    if not request_id:
        return None
    return Invocation.objects.filter(request_id=request_id).first()
