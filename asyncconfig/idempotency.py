"""Accept a request once, however often a client sends it under one key."""

import hashlib
from datetime import timedelta

from django.db import IntegrityError, transaction

from asyncconfig import accepting, clock
from asyncconfig.exceptions import KeyReused
from asyncconfig.models import IdempotencyKey, Invocation
from functions.models import Function
from functions.qualifiers import Resolved

KEPT = timedelta(hours=24)
MAX_LENGTH = 255


def accept_once(
    resolved: Resolved,
    payload: bytes,
    *,
    key: str,
    asked: str,
    origin: accepting.Origin,
    memory_size: int | None = None,
) -> Invocation:
    """Accept an asynchronous request, or return the one that has this key.

    `asked` is the qualifier as the client wrote it; with the payload and the memory
    size it must be the same each time, otherwise KeyReused is raised. Keys belong
    to a function and are forgotten after 24 hours. Raises NotAccepted as `accept`.
    """
    function = resolved.version.function
    digest = _digest(asked, payload, memory_size)
    with transaction.atomic():
        known = _find(function, key)
        if known is None:
            try:
                with transaction.atomic():
                    invocation = accepting.accept_from_client(
                        resolved, payload, origin=origin, memory_size=memory_size
                    )
                    _keep(invocation, key, digest)
                return invocation
            except IntegrityError:
                # On PostgreSQL another connection may have stored it this moment.
                known = _find(function, key)
                if known is None:
                    raise
    if known.digest != digest:
        raise KeyReused(key)
    return known.invocation


def _keep(invocation: Invocation, key: str, digest: str) -> None:
    IdempotencyKey.objects.create(
        function=invocation.function,
        key=key,
        digest=digest,
        invocation=invocation,
        created_at=invocation.accepted_at,
    )


def _find(function: Function, key: str) -> IdempotencyKey | None:
    keys = IdempotencyKey.objects.filter(function=function, key=key)
    keys.filter(created_at__lt=clock.now() - KEPT).delete()
    return keys.select_related("invocation").first()


def _digest(asked: str, payload: bytes, memory_size: int | None) -> str:
    told = f"{asked}\n{memory_size or ''}\n".encode() + payload
    return hashlib.sha256(told).hexdigest()


def forget() -> int:
    """Delete keys that are over; return how many there were."""
    old = IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEPT)
    return old.delete()[0]
