"""End an invocation: its final state and the notification it owes, together."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from asyncconfig import queue
from asyncconfig.decisions import endings, record
from asyncconfig.decisions.endings import Condition, Ending
from asyncconfig.decisions.sides import Side
from asyncconfig.models import Delivery, Invocation
from asyncconfig.models.config import FUNCTION, Chosen
from asyncconfig.models.outbox import deadline_from, target_key_of

LOOP_STOPPED = "The loop was stopped, so no function is notified."


def finish(
    invocation: Invocation,
    ending: Ending,
    *,
    now: datetime,
    result: bytes = b"",
    silence: str = "",
) -> bool:
    """Move the invocation to its end and write its Delivery; False when it moved on.

    With `silence`, a reason, the Delivery is written as one that is not sent.

    Whoever waits for a synchronous call is told, once this has committed. Must run
    inside a transaction: whoever sees the final state also sees the delivery. The
    invocation is taken as it was read (status and epoch guard the update);
    `attempts` and `losses` are stored as set on the object.
    """
    kept, truncated = _fit(invocation, result)
    fields = {
        "status": ending.status,
        "cause": ending.cause.value,
        "condition": ending.condition.value,
        "error_code": ending.error_code,
        "status_code": ending.status_code,
        "error": ending.error,
        "result": kept,
        "result_size": len(result),
        "result_truncated": truncated,
        "attempts": invocation.attempts,
        "losses": invocation.losses,
        "finished_at": now,
        "worker_id": None,
    }
    taken = Invocation.objects.filter(
        pk=invocation.pk, status=invocation.status, epoch=invocation.epoch
    )
    if not taken.update(**fields):
        return False
    # The record is built from the object, and has to say what has just been stored.
    for name, value in fields.items():
        setattr(invocation, name, value)
    if invocation.mode == Invocation.Mode.ASYNC:
        _owe(invocation, ending, now, silence)
    _announce(invocation)
    return True


def finish_bare(invocation: Invocation, *, error: str, now: datetime) -> bool:
    """End a request that cannot be ended as it should: with a sentence, and no more.

    It keeps no result and notifies nobody but who waits for it; the balance shows
    what it owes. False when it moved on. Must run inside a transaction.
    """
    ending = endings.system_error(error)
    taken = Invocation.objects.filter(pk=invocation.pk, epoch=invocation.epoch)
    moved = taken.exclude(status__in=Invocation.FINAL).update(
        status=ending.status,
        cause=ending.cause.value,
        condition=ending.condition.value,
        error_code=ending.error_code,
        status_code=ending.status_code,
        error=ending.error,
        finished_at=now,
        worker=None,
    )
    if moved:
        _announce(invocation)
    return bool(moved)


def _announce(invocation: Invocation) -> None:
    if invocation.mode == Invocation.Mode.SYNC:
        queue.announce(invocation.request_id)


def _fit(invocation: Invocation, result: bytes) -> tuple[bytes, bool]:
    if invocation.mode == Invocation.Mode.SYNC:
        return result, False
    return record.fit_result(result, limit=settings.ASYNC_RESULT_LIMIT)


def _owe(invocation: Invocation, ending: Ending, now: datetime, silence: str) -> None:
    side = Side.after(ending.status)
    config = invocation.config
    chosen = config.destination(side) if config else None
    if not chosen or not chosen.kind:
        return
    delivery = _delivery(invocation, chosen, now)
    delivery.side = side
    # Other targets are notified of the loop; a function would only carry it on.
    if ending.condition is Condition.LOOP and chosen.kind == FUNCTION:
        silence = LOOP_STOPPED
    if silence:
        delivery.status = Delivery.Status.SKIPPED
        delivery.reason = silence
        delivery.finished_at = now
    else:
        queue.ring(queue.DELIVER)
    delivery.save(force_insert=True)


def _delivery(invocation: Invocation, chosen: Chosen, now: datetime) -> Delivery:
    body, is_emptied = record.fit(record_of(invocation), kind=chosen.kind)
    return Delivery(
        invocation=invocation,
        function_id=invocation.function_id,
        kind=chosen.kind,
        param=chosen.param,
        target=chosen.target,
        target_key=target_key_of(
            invocation.function.project_id, chosen.kind, chosen.key
        ),
        record=body,
        is_emptied=is_emptied,
        created_at=now,
        due_at=now,
        deadline=deadline_from(now),
    )


def payload_limit() -> int:
    """Return how many bytes of a request a record passes on: all that clients send."""
    return max(int(settings.ASYNC_BODY_LIMIT), settings.ASYNC_RESULT_LIMIT)


def record_of(invocation: Invocation) -> record.SentRecord:
    """Build the record of a finished invocation."""
    payload, is_omitted = record.fit_request(
        bytes(invocation.payload), limit=payload_limit()
    )
    facts = record.Facts(
        accepted_at=invocation.accepted_at,
        request_id=str(invocation.request_id),
        function_urn=invocation.version.urn,
        condition=invocation.condition,
        attempts=invocation.attempts,
        payload=payload,
        status_code=invocation.status_code,
        error=invocation.error,
        result=bytes(invocation.result),
        is_payload_omitted=is_omitted,
    )
    return record.build(facts, zone=ZoneInfo(settings.TIME_ZONE))
