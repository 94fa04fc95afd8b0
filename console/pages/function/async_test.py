"""Send a test: to the target in the dialog, saved or not, or to a saved one."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from asyncconfig.config import probing
from asyncconfig.config.forms import AsyncConfigForm
from asyncconfig.config.probing import Probed
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import StillRunning, Throttled
from asyncconfig.receipt import Receipt
from console.access import Right
from console.pages import submitting
from console.pages.function import async_config
from console.pages.function.async_dialog import permissions_url
from console.pages.function.heads import Head
from console.security import limits
from console.ui import links, units
from console.ui.htmx import render_page, wants_fragment

MAX_TESTS_PER_MINUTE = 10
# A target is asked for 3 s and then told for 10; after this nobody is at it.
MAX_SENDING_SECONDS = 30


@dataclass(frozen=True)
class Wish:
    """Which target is to be tested, or the sentence that says why it cannot be."""

    kind: str = ""
    param: str = ""
    problem: str = ""


@require_POST
def probe(request: HttpRequest, package: str, name: str) -> HttpResponse:
    """Send a test to one side's target; a kind that has a question is asked first."""
    head = async_config.load(request, package, name, Right.CONFIGURE)
    side = Side.read(request.POST.get("confirmed") or request.POST.get("probe"))
    if side is None:
        raise Http404
    if request.POST.get("saved"):
        shown, status = _answer(request, head, side, _saved(head, side))
    else:
        form = AsyncConfigForm(request.POST, version=head.version, config=head.config)
        shown, status = _answer(request, head, side, _typed(form, side))
    if wants_fragment(request):
        context = {"head": head, "side": {"side": side, "probed": shown}}
        return render_page(
            request,
            "async_config/probed.html",
            context,
            partial="probed",
            status=status,
        )
    if request.POST.get("saved"):
        return async_config.render_summary(
            request, head, probed={side: shown}, status=status
        )
    return async_config.render_dialog(
        request, head, form, probed={side: shown}, status=status
    )


def _saved(head: Head, side: Side) -> Wish:
    config = head.config
    chosen = config.destination(side) if config else None
    if chosen is None or chosen.kind not in KINDS:
        return Wish(problem=_("Nobody is notified."))
    return Wish(chosen.kind, chosen.param)


def _typed(form: AsyncConfigForm, side: Side) -> Wish:
    params = form.params[side]
    if params is None:
        return Wish(problem=_("Choose a target service from the list."))
    if not params.is_valid():
        found = [str(one) for errors in params.errors.values() for one in errors]
        return Wish(problem=" ".join(found))
    return Wish(form.kind_of(side), params.param())


def _answer(
    request: HttpRequest, head: Head, side: Side, wish: Wish
) -> tuple[dict[str, Any], int]:
    """Return what the result line shows, and the status that goes with it."""
    if wish.problem:
        return {"problem": wish.problem}, 422
    question = KINDS[wish.kind].question
    if question and request.POST.get("confirmed") != side:
        return {"question": question}, 200

    def send() -> str:
        limits.count("probe", str(request.user.pk), most=MAX_TESTS_PER_MINUTE)
        return _written(probing.probe(head.version, side, wish.kind, wish.param))

    try:
        done = submitting.once_outside(request, send, seconds=MAX_SENDING_SECONDS)
    except Throttled as error:
        return {"problem": str(error)}, 429
    except StillRunning as error:
        return {"problem": str(error)}, 409
    return _shown(head, wish, _read(done.answer))


def _written(probed: Probed) -> str:
    return json.dumps(asdict(probed))


def _read(text: str) -> Probed:
    told = json.loads(text)
    receipt = told.pop("receipt")
    return Probed(Receipt(**receipt) if receipt else None, **told)


def _shown(head: Head, wish: Wish, probed: Probed) -> tuple[dict[str, Any], int]:
    if probed.receipt is None:
        action = KINDS[wish.kind].action
        url = permissions_url(head.function, head.qualifier, action)
        return {
            "problem": probed.problem,
            "permissions": url if probed.lacks_right else "",
        }, 200
    took = units.seconds(probed.duration_ms / 1000)
    reference = probed.receipt.reference
    return {
        "delivered": _("Delivered in %(took)s") % {"took": took},
        "receipt": probed.receipt,
        "url": links.thing_url(wish.kind, probed.target_key, reference),
    }, 200
