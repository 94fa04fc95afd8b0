"""The test runner: call a function, and see where the result went."""

import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from asyncconfig.exceptions import NotAccepted, Throttled, TooManyWaiting
from asyncconfig.invocations import accepting, calling
from asyncconfig.models import Invocation
from console import access
from console.access import Right, needs
from console.door.limits import form_with, takes
from console.pages import submitting
from console.pages.observe import chain, invocations
from console.ui import states
from console.ui.htmx import render_page, show_address
from functions import samples
from functions.exceptions import QualifierUnknown
from functions.forms.base import Form
from functions.models import Function, Project, TestEvent
from functions.qualifiers import qualifiers_of, resolve


class RunForm(Form):
    """What to run: function and qualifier, mode, body.

    `event` is the saved event that is chosen, `loaded` the one whose data the body
    was filled with. Where they differ the person has not seen what would be sent.
    """

    function = forms.CharField(
        label=gettext_lazy("Function"),
        error_messages={"required": gettext_lazy("Choose a function.")},
    )
    qualifier = forms.CharField(label=gettext_lazy("Version"), initial="latest")
    mode = forms.ChoiceField(
        label=gettext_lazy("Mode"),
        choices=[
            (Invocation.Mode.ASYNC, gettext_lazy("Async")),
            (Invocation.Mode.SYNC, gettext_lazy("Sync")),
        ],
        initial=Invocation.Mode.ASYNC,
    )
    event = forms.CharField(label=gettext_lazy("Event"), required=False)
    loaded = forms.CharField(required=False, widget=forms.HiddenInput)
    body = forms.CharField(
        label=gettext_lazy("Event data"), required=False, strip=False
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The page writes its own controls, which are called as the fields are.
        self.auto_id = "%s"
        self._project = project

    def clean_function(self) -> Function:
        found = find_function(self._project, self.cleaned_data["function"])
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


def find_function(project: Project, text: str) -> Function | None:
    """Find a function by `package/name`, or by its name in the package default."""
    package, _slash, name = text.rpartition("/")
    functions = Function.objects.in_project(project)
    return functions.filter(package=package or "default", name=name).first()


@takes(form_with(settings.SYNC_BODY_LIMIT))
@require_http_methods(["GET", "POST"])
@needs(Right.INVOKE)
def run(request: HttpRequest) -> HttpResponse:
    """Show the form; run what it says, or only `load` what depends on its choices."""
    project = access.get_project(request)
    if request.method == "GET":
        return _render(request, project, _prefilled(request, project))
    if request.POST.get("load"):
        return _load(request, project)
    return _run(request, project)


def _prefilled(request: HttpRequest, project: Project) -> RunForm:
    """Fill the form from a past request or a saved event."""
    query = request.GET
    initial = {
        "function": query.get("fn", ""),
        "qualifier": query.get("v", "latest"),
        "mode": query.get("mode", Invocation.Mode.ASYNC),
        "body": samples.event_text("blank"),
    }
    past = query.get("from", "")
    try:
        invocation = access.get_invocation(project, UUID(past)) if past else None
    except ValueError:
        invocation = None
    if invocation is not None:
        initial |= {
            "function": _key(invocation.function),
            "qualifier": invocation.version.name,
            "body": bytes(invocation.payload).decode("utf-8", "replace"),
        }
    elif query.get("event"):
        initial |= _event(project, initial["function"], query["event"])
    return RunForm(initial=initial, project=project)


def _event(project: Project, function: str, name: str) -> dict[str, str]:
    """Return the fields that show a saved event; no body when it is not there."""
    found = find_function(project, function)
    event = found.test_events.filter(name=name).first() if found and name else None
    if found is None or event is None:
        return {"event": "", "loaded": ""}
    TestEvent.objects.filter(pk=event.pk).update(used_at=timezone.now())
    return {"event": name, "loaded": _mark(found, name), "body": event.text}


def _mark(function: Function, event: str) -> str:
    """Name an event of one function: others may have one of the same name."""
    return f"{_key(function)} {event}"


def _load(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the qualifiers and events of the chosen function, and the chosen event.

    Another function's choices fall back to latest and to no event; what stands in
    the body stays until an event replaces it.
    """
    typed = _typed(request)
    shown = typed | _event(project, typed["function"], typed["event"])
    has_event = shown["loaded"] not in ("", typed["loaded"])
    if not has_event:
        shown["body"] = typed["body"]
    found = find_function(project, shown["function"])
    if found is None or shown["qualifier"] not in qualifiers_of(found):
        shown["qualifier"] = "latest"
    form = RunForm(initial=shown, project=project)
    extra = {"has_event": has_event}
    response = _render(request, project, form, extra=extra, partial="loaded")
    show_address(response, _address(shown))
    return response


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in RunForm.base_fields}


def _address(shown: dict[str, str]) -> str:
    """Return where the same choices are made again."""
    chosen = {
        "fn": shown["function"],
        "v": shown["qualifier"],
        "event": shown["event"],
    }
    kept = {name: value for name, value in chosen.items() if value}
    return f"{reverse('runner')}?{urlencode(kept, safe='/!')}"


def _run(request: HttpRequest, project: Project) -> HttpResponse:
    form = RunForm(request.POST, project=project)
    if not form.is_valid():
        return _render(request, project, form, status=422)
    if _is_unseen(form):
        return _show_event(request, project)
    began = time.monotonic()
    try:
        invocation = _call(request, project, form)
    except (Throttled, TooManyWaiting) as error:
        form.add_error(None, str(error))
        return _render(request, project, form, status=429)
    except NotAccepted as error:
        form.add_error("body", str(error))
        return _render(request, project, form, status=422)
    took = (time.monotonic() - began) * 1000
    context = {"took_ms": took} | chain.state_of(invocation)
    return _render(request, project, form, extra=context)


def _is_unseen(form: RunForm) -> bool:
    """Say whether an event was chosen whose data the page does not show yet."""
    cleaned = form.cleaned_data
    wanted = cleaned["event"] and _mark(cleaned["function"], cleaned["event"])
    return bool(wanted) and wanted != cleaned["loaded"]


def _show_event(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the chosen event instead of running a body that belongs to another."""
    typed = _typed(request)
    shown = typed | _event(project, typed["function"], typed["event"])
    form = RunForm(shown, project=project)
    if shown["loaded"]:
        sentence = _("Nothing was run: check the data of event %(name)s first.")
    else:
        sentence = _("Nothing was run: this function has no event %(name)s.")
    form.add_error("event", sentence % {"name": typed["event"]})
    extra = {"has_event": bool(shown["loaded"])}
    return _render(request, project, form, extra=extra, status=422)


def _call(request: HttpRequest, project: Project, form: RunForm) -> Invocation:
    """Start the run, or find the one that this very form started before."""
    cleaned = form.cleaned_data
    mode = Invocation.Mode(cleaned["mode"])
    origin = accepting.Origin(by=request.user.get_username())

    def accept() -> str:
        accepted = accepting.accept_from_client(
            cleaned["resolved"], cleaned["body"], mode=mode, origin=origin
        )
        return str(accepted.request_id)

    def started() -> Invocation:
        done = submitting.once(request, accept)
        return access.get_invocation(project, UUID(done.answer))

    if mode == Invocation.Mode.ASYNC:
        return started()
    try:
        return calling.follow(started)
    except Throttled:
        before = submitting.answer_of(request)
        if before is None:
            raise
        return access.get_invocation(project, UUID(before))


def _render(
    request: HttpRequest,
    project: Project,
    form: RunForm,
    *,
    extra: dict[str, Any] | None = None,
    partial: str = "result",
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
        request, "runner/run.html", context, partial=partial, status=status
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
