"""The one door through which requests enter, synchronous ones and deliveries too."""

import json
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from asyncconfig import clock, policies, queue
from asyncconfig.decisions import endings
from asyncconfig.decisions.loops import ARROW
from asyncconfig.exceptions import (
    DiskFull,
    FunctionDisabled,
    MemoryRefused,
    PayloadRefused,
    PayloadTooLarge,
    TooManyWaiting,
)
from asyncconfig.invocations import finishing
from asyncconfig.models import AsyncConfig, Delivery, Invocation, MessageDelivery
from functions import json_errors
from functions.models import Function
from functions.models.version import MEMORY_SIZES
from functions.qualifiers import Resolved

RECHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Origin:
    """Where a request comes from.

    `by` names the person or key. A notification carries its delivery, or the message
    of a topic, the hops so far and the root of its chain; a rerun names the request
    it repeats.
    """

    by: str = ""
    delivery: Delivery | None = None
    message_delivery: MessageDelivery | None = None
    hops: int = 0
    root_id: UUID | None = None
    rerun_of: UUID | None = None


def accept(
    resolved: Resolved,
    payload: bytes,
    *,
    mode: Invocation.Mode = Invocation.Mode.ASYNC,
    origin: Origin,
    memory_size: int | None = None,
) -> Invocation:
    """Store a request durably and ring a worker; raises NotAccepted.

    When it returns outside a transaction, the request is committed. The validity
    period counts from here, and the configuration in force now is the one that
    decides, whatever is saved later. A request that has passed through too many
    functions is stored as discarded and not run. `memory_size` (MB) counts for a
    version with dynamic memory only.
    """
    function = resolved.version.function
    # Asked again by whoever claims it: it may be disabled while the request waits.
    if not resolved.version.is_available:
        raise FunctionDisabled(function.name)
    _check_room(function)
    with transaction.atomic():
        invocation = _store(resolved, payload, mode, origin, memory_size)
        if invocation.hops >= settings.ASYNC_MAX_HOPS:
            ending = endings.loop_stopped(_loop_path(invocation))
            finishing.finish(invocation, ending, now=invocation.accepted_at)
        else:
            queue.ring(queue.INVOKE)
    return invocation


def accept_from_client(
    resolved: Resolved,
    payload: bytes,
    *,
    mode: Invocation.Mode = Invocation.Mode.ASYNC,
    origin: Origin,
    memory_size: int | None = None,
) -> Invocation:
    """Accept a request of a person or an API client; its size and form are checked."""
    check_size(len(payload), mode)
    check_json(payload)
    return accept(resolved, payload, mode=mode, origin=origin, memory_size=memory_size)


def body_limit(mode: str) -> int:
    if mode == Invocation.Mode.ASYNC:
        return int(settings.ASYNC_BODY_LIMIT)
    return int(settings.SYNC_BODY_LIMIT)


def check_size(size: int, mode: str) -> None:
    """Raise PayloadTooLarge when a body of `size` bytes is over the mode's limit."""
    limit = body_limit(mode)
    if size <= limit:
        return
    if mode == Invocation.Mode.ASYNC:
        sentence = _(
            "The body is %(size)s. The limit for asynchronous invocation is %(limit)s."
        )
    else:
        sentence = _(
            "The body is %(size)s. The limit for synchronous invocation is %(limit)s."
        )
    raise PayloadTooLarge(sentence % {"size": _size(size), "limit": _size(limit)})


def _size(size: int) -> str:
    if size >= 1024 * 1024:
        return f"{size / 1024 / 1024:.3g} MB"
    return f"{size / 1024:.4g} KB" if size >= 1024 else f"{size} B"


def check_json(payload: bytes) -> None:
    """Raise PayloadRefused, with line and column, when the body is not JSON."""
    if not payload:
        return
    try:
        json.loads(payload.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise PayloadRefused(
            _("The body is not UTF-8: byte %(n)d cannot be read.") % {"n": error.start}
        ) from error
    except (RecursionError, ValueError) as error:
        raise PayloadRefused(json_errors.describe(error)) from error


def _no_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise json.JSONDecodeError(name, name, 0)


def read_memory(text: str) -> int | None:
    """Read the memory size (MB) a call asks for; raises MemoryRefused."""
    if not text:
        return None
    sizes = [str(size) for size in MEMORY_SIZES]
    if text not in sizes:
        known = ", ".join(sizes)
        raise MemoryRefused(_("Choose a memory size of: %(sizes)s.") % {"sizes": known})
    return int(text)


def _store(
    resolved: Resolved,
    payload: bytes,
    mode: Invocation.Mode,
    origin: Origin,
    memory_size: int | None,
) -> Invocation:
    now = clock.now()
    config = None
    if mode == Invocation.Mode.ASYNC:
        config = AsyncConfig.objects.for_version(resolved.version)
    age = timedelta(seconds=policies.of(mode, config).max_age)
    return Invocation.objects.create(
        mode=mode,
        function=resolved.version.function,
        version=resolved.version,
        alias=resolved.alias,
        config=config,
        memory_size=memory_size if resolved.version.has_dynamic_memory else None,
        payload=payload,
        accepted_at=now,
        accepted_by=origin.by[:150],
        due_at=now,
        deadline=now + age,
        hops=origin.hops,
        source_delivery=origin.delivery,
        source_message_delivery=origin.message_delivery,
        root_id=origin.root_id,
        rerun_of=origin.rerun_of,
    )


def _loop_path(invocation: Invocation) -> str:
    """Write the way a request came, oldest first: `test1 → test2 → test1`."""
    names, at = [invocation.function.name], invocation
    while (source := at.told_by) and len(names) <= settings.ASYNC_MAX_HOPS:
        if at.source_message_delivery and at.source_message_delivery.message:
            names.append(f"SMN {at.source_message_delivery.message.topic.name}")
        at = source.invocation
        names.append(at.function.name)
    return ARROW.join(reversed(names))


class _Recent:
    """A figure that may be a second old: asked on every accept, costly to know."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, bool]] = {}

    def full(self, function: Function) -> bool:
        # So a process may accept a second's worth beyond the limit.
        at, full = self._known.get(function.pk, (0.0, False))
        if not at or time.monotonic() - at > RECHECK_SECONDS:
            full = self._count(function) >= settings.MAX_WAITING
            self._known[function.pk] = (time.monotonic(), full)
        return full

    @staticmethod
    def _count(function: Function) -> int:
        waiting = Invocation.objects.waiting().filter(function=function)
        # Cut off, so that a queue of millions costs no more to look at than a full one.
        return waiting.order_by()[: settings.MAX_WAITING].count()

    def forget(self) -> None:
        self._known.clear()


recent = _Recent()


def _check_room(function: Function) -> None:
    if recent.full(function):
        raise TooManyWaiting(settings.MAX_WAITING)
    if free_disk_percent() < settings.MIN_FREE_DISK_PERCENT:
        raise DiskFull


def free_disk_percent() -> float:
    """Return how much of the data directory's disk is free."""
    disk = os.statvfs(settings.DATA_DIR)
    return disk.f_bavail * 100 / disk.f_blocks if disk.f_blocks else 100.0
