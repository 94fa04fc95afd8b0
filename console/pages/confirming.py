"""The question before something happens for good, where a sentence is enough to ask."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse

from console.htmx import render_page


def ask(
    request: HttpRequest,
    title: str,
    question: str,
    *,
    back: str,
    kept: Mapping[str, str] | None = None,
    tone: str = "danger",
) -> HttpResponse:
    """Show the dialog: `title` is also the verb, and posts to this same address.

    Cancel leads `back`; `kept` are fields that are posted along, `tone` is the
    button's. For htmx it opens over the page it was asked on.
    """
    context = {
        "title": title,
        "question": question,
        "back": back,
        "kept": kept or {},
        "tone": tone,
    }
    return render_page(request, "components/confirm.html", context, partial="dialog")
