"""The question before a service is deleted; what functions use stays, and says who."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from asyncconfig.graph import Use
from console.pages import dialogs
from console.ui import links


def ask(
    request: HttpRequest,
    title: str,
    question: str,
    uses: Iterable[Use],
    *,
    back: str,
) -> HttpResponse:
    """Ask whether to delete a service; one in use names the functions instead.

    The answer to a form is 409, since it asked for what cannot be done yet.
    """
    users = [_user(use) for use in uses]
    if not users:
        return dialogs.ask(request, title, question, back=back)
    why = _("Functions send their results here. Choose another target for them first:")
    status = 200 if request.method == "GET" else 409
    return dialogs.refuse(request, title, why, users, back=back, status=status)


def _user(use: Use) -> dialogs.UsedBy:
    return dialogs.UsedBy(links.use_name(use), links.use_url(use), use.side)
