"""The test runner: call a function, and see where the result went."""

import time
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from asyncconfig import accepting, calling
from asyncconfig.exceptions import NotAccepted, Throttled, TooManyWaiting
from asyncconfig.models import Invocation
from console import access, states
from console.access import Right, needs
from console.htmx import render_page
from console.pages import invocations
from functions import starters
from functions.exceptions import QualifierUnknown
from functions.models import Function, Project, TestEvent
from functions.qualifiers import qualifiers_of, resolve

LOG_SHOWN = 4096
POLL_STEPS = ((30, 1), (300, 3))
SLOWEST_POLL = 10


class RunForm(forms.Form):
    """What to run: function and qualifier, mode, body."""

    function = forms.CharField(label=gettext_lazy("Function"))
    qualifier = forms.CharField(label=gettext_lazy("Version"), initial="latest")
    mode = forms.ChoiceField(
        label=gettext_lazy("Mode"),
        choices=[
            (Invocation.Mode.ASYNC, gettext_lazy("Async")),
            (Invocation.Mode.SYNC, gettext_lazy("Sync")),
        ],
        initial=Invocation.Mode.ASYNC,
    )
    body = forms.CharField(
        label=gettext_lazy("Event data"), required=False, strip=False
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._project = project

    def clean_function(self) -> Function:
        package, _slash, name = self.cleaned_data["function"].rpartition("/")
        functions = Function.objects.in_project(self._project)
        found = functions.filter(package=package or "default", name=name).first()
        if found is None:
            raise ValidationError(_("Choose a function."))
        return found

    def clean_body(self) -> bytes:
        text: str = self.cleaned_data["body"]
        return text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        function, qualifier = cleaned.get("function"), cleaned.get("qualifier")
        if function and qualifier:
            try:
                cleaned["resolved"] = resolve(function, qualifier)
            except QualifierUnknown as error:
                self.add_error("qualifier", str(error))
        return cleaned


@require_http_methods(["GET", "POST"])
@needs(Right.INVOKE)
def run(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    if request.method == "POST":
        return _run(request, project)
    return _render(request, project, _prefilled(request, project))


def _prefilled(request: HttpRequest, project: Project) -> RunForm:
    """Fill the form from a past request, a saved event, or the last body used."""
    query = request.GET
    initial = {
        "function": query.get("fn", ""),
        "qualifier": query.get("v", "latest"),
        "mode": query.get("mode", Invocation.Mode.ASYNC),
        "body": starters.event_text("blank"),
    }
    past = query.get("from", "")
    try:
        invocation = access.get_invocation(project, UUID(past)) if past else None
    except ValueError:
        invocation = None
    if invocation is not None:
        initial |= {
            "function": f"{invocation.function.package}/{invocation.function.name}",
            "qualifier": invocation.version.name,
            "body": bytes(invocation.payload).decode("utf-8", "replace"),
        }
    elif query.get("event") and initial["function"]:
        initial["body"] = _event_text(project, initial["function"], query["event"])
    return RunForm(initial=initial, project=project)


def _event_text(project: Project, function: str, name: str) -> str:
    package, _slash, leaf = function.rpartition("/")
    event = TestEvent.objects.filter(
        function__in=Function.objects.in_project(project),
        function__package=package or "default",
        function__name=leaf,
        name=name,
    ).first()
    if event is None:
        return starters.event_text("blank")
    TestEvent.objects.filter(pk=event.pk).update(used_at=timezone.now())
    return event.text


def _run(request: HttpRequest, project: Project) -> HttpResponse:
    form = RunForm(request.POST, project=project)
    if not form.is_valid():
        return _render(request, project, form, status=422)
    began = time.monotonic()
    try:
        invocation = _call(form, request.user.get_username())
    except (Throttled, TooManyWaiting) as error:
        form.add_error(None, str(error))
        return _render(request, project, form, status=429)
    except NotAccepted as error:
        form.add_error("body", str(error))
        return _render(request, project, form, status=422)
    took = (time.monotonic() - began) * 1000
    context = {"took_ms": took} | _result(invocation)
    return _render(request, project, form, extra=context)


def _call(form: RunForm, by: str) -> Invocation:
    cleaned = form.cleaned_data
    origin = accepting.Origin(by=by)
    if cleaned["mode"] == Invocation.Mode.SYNC:
        return calling.call(cleaned["resolved"], cleaned["body"], origin=origin)
    return accepting.accept_from_client(
        cleaned["resolved"], cleaned["body"], origin=origin
    )


def _render(
    request: HttpRequest,
    project: Project,
    form: RunForm,
    *,
    extra: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    chosen = str(form["function"].value() or "")
    functions = list(Function.objects.in_project(project).order_by("package", "name"))
    function = next((f for f in functions if _key(f) == _full(chosen)), None)
    context = {
        "form": form,
        "functions": [_key(one) for one in functions],
        "chosen": _key(function) if function else "",
        "qualifiers": qualifiers_of(function) if function else ["latest"],
        "events": list(function.test_events.defer("content")) if function else [],
        "limits": {
            "async": accepting.body_limit(Invocation.Mode.ASYNC),
            "sync": accepting.body_limit(Invocation.Mode.SYNC),
        },
        "recent": _recent(request, function, shown=(extra or {}).get("invocation")),
        **(extra or {}),
    }
    return render_page(
        request, "runner/run.html", context, partial="result", status=status
    )


def _recent(
    request: HttpRequest, function: Function | None, *, shown: Invocation | None
) -> list[dict[str, Any]]:
    """Return the person's latest runs but for the one that is shown already."""
    if function is None:
        return []
    rows = invocations.recent_by(
        request.user.get_username(), function, but=shown.pk if shown else 0
    )
    return [
        {"invocation": row, "state": states.display_state(row)}
        for row in rows.select_related("config")
    ]


def _key(function: Function) -> str:
    return f"{function.package}/{function.name}"


def _full(text: str) -> str:
    return text if "/" in text else f"default/{text}"


@require_GET
@needs(Right.READ)
def chain(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Render a request and what it started; polls itself until all of it ended."""
    invocation = access.get_invocation(access.get_project(request), request_id)
    return render_page(
        request, "runner/chain.html", _result(invocation), partial="chain"
    )


def _result(invocation: Invocation) -> dict[str, Any]:
    nodes = nodes_of(invocation)
    attempt = invocation.attempt_set.last() if invocation.is_finished else None
    return {
        "invocation": invocation,
        "nodes": nodes,
        "poll_seconds": poll_seconds(invocation, nodes),
        "result": bytes(invocation.result),
        "attempt": attempt,
        "log_tail": bytes(attempt.log)[-LOG_SHOWN:] if attempt else b"",
    }


def nodes_of(invocation: Invocation) -> list[dict[str, Any]]:
    """Return the request, its notification, and the request that one started."""
    nodes = [_node(invocation)]
    for child in invocations.children_of(invocation):
        nodes.append(_node(child))
    return nodes


def _node(invocation: Invocation) -> dict[str, Any]:
    delivery = getattr(invocation, "delivery", None)
    return {
        "invocation": invocation,
        "state": states.display_state(invocation),
        "dots": states.dots(invocation),
        "delivery": delivery,
        "delivery_state": states.delivery_state(delivery) if delivery else None,
        "untold": invocations.untold(invocation),
    }


def poll_seconds(invocation: Invocation, nodes: list[dict[str, Any]]) -> int:
    """Return the pause to the next look: 0 when every branch has ended."""
    over = all(
        node["state"].is_final
        and (node["delivery"] is None or node["delivery"].is_finished)
        for node in nodes
    )
    if over:
        return 0
    age = (timezone.now() - invocation.accepted_at).total_seconds()
    return next((pause for limit, pause in POLL_STEPS if age < limit), SLOWEST_POLL)
