"""The question before something is deleted, where a sentence is enough to ask."""

from django.http import HttpRequest, HttpResponse

from console.htmx import render_page


def ask(request: HttpRequest, title: str, question: str, *, back: str) -> HttpResponse:
    """Show the dialog: `title` is also the verb, and posts to this same address.

    Cancel leads `back`. For htmx it opens over the page it was asked on.
    """
    context = {"title": title, "question": question, "back": back}
    return render_page(request, "components/confirm.html", context, partial="dialog")
