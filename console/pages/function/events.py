"""The Test events tab: saved events, and templates to start one from."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console import access
from console.access import Right
from console.door.limits import form_with, takes
from console.pages import dialogs
from console.pages.function import heads
from console.pages.function.heads import Head
from console.ui.htmx import render_form
from functions import samples
from functions.forms import EventForm
from functions.models import TestEvent
from functions.models.test_event import MAX_BYTES, MAX_PER_FUNCTION


@takes(form_with(MAX_BYTES))
@require_http_methods(["GET", "POST"])
def edit(
    request: HttpRequest, package: str, name: str, event_name: str = ""
) -> HttpResponse:
    """Show the events, one of them or a new one in the editor; save what is sent.

    `as_new` in the form saves an existing event under another name. `load` fills in
    the chosen template and saves nothing; nor is anything saved while the page still
    shows the content of another template.
    """
    right = Right.CONFIGURE if request.method == "POST" else Right.READ
    head = heads.load(request, package, name, tab="events", right=right)
    event = access.get_event(head.function, event_name) if event_name else None
    if request.method == "POST" and event is None and _is_unseen(request):
        if "load" not in request.POST:
            told = _("Nothing was saved: check what the template filled in first.")
            messages.warning(request, told)
        return _render(request, head, None, _from_template(request, head))
    form = _form(request, head, event)
    if form.is_valid():
        saved = form.save()
        messages.success(request, _("Test event %(name)s saved.") % {"name": saved})
        if request.POST.get("then") == "code":
            return redirect("function-code", package, name)
        return redirect("function-event", package, name, saved.name)
    return _render(request, head, event, form)


def _form(request: HttpRequest, head: Head, event: TestEvent | None) -> EventForm:
    if request.method == "POST":
        kept = None if request.POST.get("as_new") else event
        return EventForm(request.POST, function=head.function, event=kept)
    if event is not None:
        return EventForm(function=head.function, event=event)
    initial = {"content": samples.event_text("blank")}
    return EventForm(function=head.function, initial=initial)


def _is_unseen(request: HttpRequest) -> bool:
    """Say whether a template is wanted whose content the page does not show yet."""
    chosen = request.POST.get("template", "")
    return "load" in request.POST or chosen != request.POST.get("loaded", chosen)


def _from_template(request: HttpRequest, head: Head) -> EventForm:
    initial = {
        "name": request.POST.get("name", ""),
        "content": samples.event_text(request.POST.get("template", "blank")),
    }
    return EventForm(function=head.function, initial=initial)


def _render(
    request: HttpRequest, head: Head, event: TestEvent | None, form: EventForm
) -> HttpResponse:
    context = {
        "head": head,
        "event": event,
        "events": list(head.function.test_events.all()),
        "limit": MAX_PER_FUNCTION,
        "templates": samples.event_choices(),
        "template": request.POST.get("template", "blank"),
        "then": request.POST.get("then") or request.GET.get("then", ""),
    }
    return render_form(
        request, "functions/events.html", form, context, partial="editor"
    )


@require_http_methods(["GET", "POST"])
def delete(
    request: HttpRequest, package: str, name: str, event_name: str
) -> HttpResponse:
    """Ask, and then delete a test event."""
    head = heads.load(request, package, name, tab="events", right=Right.CONFIGURE)
    event = access.get_event(head.function, event_name)
    if request.method == "GET":
        question = _("Delete %(key)s? This can't be undone.") % {"key": event_name}
        back = reverse("function-events", args=[package, name])
        return dialogs.ask(request, _("Delete test event"), question, back=back)
    event.delete()
    messages.success(request, _("Test event %(name)s deleted.") % {"name": event_name})
    return redirect("function-events", package, name)
