"""Which page shows a destination's target, or what arrived there, by its kind.

A kind without pages is shown as text. `asyncconfig` knows no addresses, so it names
targets and references only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy

from asyncconfig.graph import Use
from asyncconfig.models import Delivery
from asyncconfig.models.config import DIS, FUNCTION, OBS, ROCKETMQ, SMN, Chosen
from asyncconfig.reports.backlog import Backlog
from functions.names import LATEST

NONE = ""


def _function(key: str) -> str:
    package, _slash, name = key.partition("/")
    return reverse("function-code", args=[package, name])


def _request(key: str, reference: str) -> str:
    return reverse("invocation", args=[reference])


def _own(url_name: str, key: str) -> str:
    """Return the page of a thing of ours; another account's has a host in front."""
    return NONE if "/" in key else reverse(url_name, args=[key])


def _object(key: str, reference: str) -> str:
    page = _own("bucket", key)
    return page and f"{page}?{urlencode({'object': reference})}"


def _record(key: str, reference: str) -> str:
    """Open a record, given as `shardId-0000000000/12`, on its stream's page."""
    page = _own("stream", key)
    shard, _slash, number = reference.rpartition("/")
    if not page or not number.isdigit():
        return page
    partition = int(shard.removeprefix("shardId-") or 0)
    return f"{page}?partition={partition}&before={int(number) + 1}&record={number}"


def _topic(key: str) -> str:
    """Return the page of a topic's URN; those of other accounts have none here."""
    name = key.rpartition(":")[2]
    return NONE if "/" in key else reverse("topic", args=[name])


def _message(key: str, reference: str) -> str:
    name = key.rpartition(":")[2]
    return NONE if "/" in key else reverse("message", args=[name, UUID(reference)])


def _instance(key: str) -> str:
    """Return the page of the instance of `<instance ID>/<topic>`."""
    return reverse("rocketmq-instance", args=[key.partition("/")[0]])


@dataclass(frozen=True)
class Link:
    url: str
    label: str


@dataclass(frozen=True)
class Pages:
    """The addresses of a target, and of what it calls by a reference.

    `create` is the name of the address where a target is made, and the words for it.
    """

    target: Callable[[str], str]
    thing: Callable[[str, str], str]
    create: tuple[str, str | Promise] | None = None


PAGES: dict[str, Pages] = {
    FUNCTION: Pages(
        _function, _request, ("function-create", gettext_lazy("Create function"))
    ),
    OBS: Pages(
        partial(_own, "bucket"),
        _object,
        ("bucket-create", gettext_lazy("Create bucket")),
    ),
    DIS: Pages(
        partial(_own, "stream"),
        _record,
        ("stream-create", gettext_lazy("Create stream")),
    ),
    SMN: Pages(
        _topic,
        _message,
        ("topic-create", gettext_lazy("Create topic")),
    ),
    ROCKETMQ: Pages(
        _instance,
        lambda key, reference: _instance(key),
        ("rocketmq-create", gettext_lazy("Create instance")),
    ),
}


def use_url(use: Use) -> str:
    """Return the page where a function's version says whom it tells."""
    url = reverse("function-async", args=[use.function.package, use.function.name])
    return url if use.version == LATEST else f"{url}?v={use.version}"


def use_name(use: Use, shown: Callable[[str], str] = str) -> str:
    """Return the function's name, and its version where that is not latest."""
    parts = [use.function.name]
    if use.version != LATEST:
        parts.append(use.version)
    return " : ".join(map(shown, parts))


def owed_url(backlog: Backlog) -> str:
    """Return the list of what one target is owed."""
    query = urlencode({"kind": backlog.kind, "target": backlog.name})
    return f"{reverse('deliveries')}?{query}"


def create_link(kind: str) -> Link | None:
    """Return where a target of the kind is made, or None."""
    pages = PAGES.get(kind)
    if pages is None or pages.create is None:
        return None
    name, label = pages.create
    return Link(reverse(name), str(label))


def target_url(chosen: Chosen) -> str:
    """Return the page of a configured target, or ""."""
    pages = PAGES.get(chosen.kind)
    return pages.target(chosen.key) if pages and chosen.key else NONE


def thing_url(kind: str, key: str, reference: str) -> str:
    """Return the page of what arrived, or ""; `key` is the target's."""
    pages = PAGES.get(kind)
    return pages.thing(key, reference) if pages and reference else NONE


def arrived_url(delivery: Delivery) -> str:
    """Return the page of what a delivery brought, or ""."""
    _project, _kind, key = delivery.target_key.split(":", 2)
    return thing_url(delivery.kind, key, delivery.reference)
