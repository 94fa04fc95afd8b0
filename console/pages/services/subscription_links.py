"""The links that subscribers are sent: confirm a subscription, or end it.

They are opened without signing in: the token proves that the subscriber was asked.
Programs confirm with a GET, as SMN has it. What reads mail also opens links, so in
an e-mail they lead to a page with a button. Leaving always takes the button.
"""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from asyncconfig.models import Subscription
from asyncconfig.services.topics import subscribing


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    found = subscribing.find_by_token(request.GET.get("token", ""))
    if found is None:
        return _void(request)
    by_hand = found.protocol == Subscription.Protocol.EMAIL
    if request.method == "GET" and by_hand and not found.is_confirmed:
        return _page(request, "ask", subscription=found)
    subscribing.confirm(found)
    return _page(request, "confirmed", subscription=found)


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    found = subscribing.find_by_leaving_token(request.GET.get("token", ""))
    if found is None:
        return _void(request)
    if request.method == "GET":
        return _page(request, "leave", subscription=found)
    subscribing.unsubscribe(found)
    return _page(request, "left", subscription=found)


def _void(request: HttpRequest) -> HttpResponse:
    sentence = _(
        "This link is invalid or has expired. Ask the owner of the topic for a new one."
    )
    return _page(request, "void", status=404, sentence=sentence)


def _page(
    request: HttpRequest,
    step: str,
    *,
    subscription: Subscription | None = None,
    status: int = 200,
    sentence: str = "",
) -> HttpResponse:
    context = {"step": step, "subscription": subscription, "sentence": sentence}
    return render(request, "subscriptions/link.html", context, status=status)
