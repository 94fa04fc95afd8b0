"""Do once what is asked for more than once under one key.

A client's key names a request to a function; a person's key is that of a form on a
page, and stands together with what was typed there. Whoever comes second gets what
came of the first. Two at the same moment are told apart by the database: on SQLite
one waits for the other's transaction, on PostgreSQL for its row.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from asyncconfig import clock
from asyncconfig.exceptions import KeyReused, StillRunning
from asyncconfig.invocations import accepting
from asyncconfig.models import IdempotencyKey, Invocation
from functions.qualifiers import Resolved

KEPT = timedelta(hours=24)
FORM_KEPT = timedelta(minutes=10)
MAX_KEY_CHARACTERS = 255
# A web thread that waits for the first to answer is one less for the others.
MAX_WAIT_SECONDS = 15.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Done:
    """What came of it, in the words of whoever did it first."""

    answer: str
    is_first: bool = True


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
    scope = {"function": resolved.version.function, "key": key}
    digest = _digest(asked, payload, memory_size)
    with transaction.atomic():
        row, is_mine = _claim(scope, kept=KEPT, digest=digest)
        if is_mine:
            row.invocation = accepting.accept_from_client(
                resolved, payload, origin=origin, memory_size=memory_size
            )
            row.save(update_fields=["invocation"])
    if row.digest != digest or row.invocation is None:
        raise KeyReused(key)
    return row.invocation


def once(person: User, key: str, digest: str, start: Callable[[], str]) -> Done:
    """Start something that is written to our database; or return what came of it.

    `start` runs in the transaction that keeps its answer: both are stored or neither.
    What it raises is raised here and leaves no key. Kept for ten minutes.
    """
    with transaction.atomic():
        row, is_mine = _claim(_form(person, key, digest), kept=FORM_KEPT)
        if is_mine:
            row.answer = start()
            row.save(update_fields=["answer"])
    return Done(row.answer or "", is_mine)


def once_outside(
    person: User, key: str, digest: str, start: Callable[[], str], *, seconds: float
) -> Done:
    """Start something elsewhere, in no transaction; or return what came of it.

    It takes at most `seconds`: a key that is unanswered by then belonged to a
    process that died, and it is started again. While the first is under way the
    others wait, and raise StillRunning after MAX_WAIT_SECONDS.
    """
    scope = _form(person, key, digest)
    ends = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        with transaction.atomic():
            row, is_mine = _claim(scope, kept=FORM_KEPT)
            is_mine = is_mine or _take_over(row, seconds)
        if is_mine:
            return Done(_answer(row, start))
        known = _wait(row, until=ends)
        if known is not None:
            return Done(known, is_first=False)


def _wait(row: IdempotencyKey, *, until: float) -> str | None:
    """Return the answer of whoever holds the key; None when it was given up."""
    rows = IdempotencyKey.objects.filter(pk=row.pk)
    held: IdempotencyKey | None = row
    while held is not None:
        if held.answer is not None:
            return str(held.answer)
        if time.monotonic() > until:
            raise StillRunning
        time.sleep(LOOK_SECONDS)
        held = rows.first()
    return None


def answer_of(person: User, key: str, digest: str) -> str | None:
    """Return what came of a form, or None where that is not known (yet)."""
    fresh = IdempotencyKey.objects.filter(created_at__gte=clock.now() - FORM_KEPT)
    row = fresh.filter(**_form(person, key, digest)).first()
    return row.answer if row else None


def _form(person: User, key: str, digest: str) -> dict[str, Any]:
    return {"person": person, "key": key, "digest": digest}


def _claim(
    scope: dict[str, Any], *, kept: timedelta, **fields: Any
) -> tuple[IdempotencyKey, bool]:
    """Return the row of a key, and whether it is new; must run in a transaction."""
    rows = IdempotencyKey.objects.filter(**scope)
    now = clock.now()
    rows.filter(created_at__lt=now - kept).delete()
    known = rows.select_related("invocation").first()
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            made = IdempotencyKey.objects.create(**scope, **fields, created_at=now)
        return made, True
    except IntegrityError:
        # On PostgreSQL another connection may have stored it this moment.
        return rows.select_related("invocation").get(), False


def _take_over(row: IdempotencyKey, seconds: float) -> bool:
    now = clock.now()
    if row.answer is not None or now - row.created_at < timedelta(seconds=seconds):
        return False
    same = IdempotencyKey.objects.filter(pk=row.pk, created_at=row.created_at)
    row.created_at = now
    return bool(same.update(created_at=now))


def _answer(row: IdempotencyKey, start: Callable[[], str]) -> str:
    """Start it and keep the answer, unless somebody else has taken over meanwhile."""
    held = IdempotencyKey.objects.filter(pk=row.pk, created_at=row.created_at)
    try:
        answer = start()
    except BaseException:
        held.delete()
        raise
    held.update(answer=answer)
    return answer


def _digest(asked: str, payload: bytes, memory_size: int | None) -> str:
    told = f"{asked}\n{memory_size or ''}\n".encode() + payload
    return hashlib.sha256(told).hexdigest()


def forget(*, most: int = 200) -> int:
    """Delete keys that are over, some of each kind; return how many there were."""
    now, keys = clock.now(), IdempotencyKey.objects
    forms = keys.filter(person__isnull=False, created_at__lt=now - FORM_KEPT)
    forgotten = 0
    for over in (forms, keys.filter(created_at__lt=now - KEPT)):
        ids = list(over.values_list("pk", flat=True)[:most])
        forgotten += keys.filter(pk__in=ids).delete()[0]
    return forgotten
