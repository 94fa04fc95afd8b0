"""What follows a run: an attempt on record, then a retry or the end."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from asyncconfig import clock, policies, queue, troubles
from asyncconfig.decisions import endings
from asyncconfig.decisions.endings import Cause, Ending
from asyncconfig.decisions.record import storable
from asyncconfig.decisions.schedule import Fault, Retry, next_step
from asyncconfig.invocations import finishing
from asyncconfig.models import Attempt, Invocation, Worker
from functions.runtime import Kind, Outcome

logger = logging.getLogger(__name__)

WORKER_LOST = "The worker that ran it stopped answering."


@dataclass(frozen=True)
class Result:
    """What the claim of that epoch came to."""

    invocation_id: int
    epoch: int
    outcome: Outcome


def settle(worker: Worker, results: Sequence[Result]) -> None:
    """Store results in the caller's transaction; stale ones only as evidence.

    Rows are read under a lock, so that nobody asks to cancel, or takes them over,
    between what is read here and what is written.
    """
    if not results:
        return
    now = clock.now()
    rows = Invocation.objects.with_version().locked()
    found = rows.in_bulk([result.invocation_id for result in results])
    attempts: list[Attempt] = []
    for result in results:
        invocation = found.get(result.invocation_id)
        if invocation is None:
            continue  # It was stale, and is so old that it was forgotten.
        attempt = _attempt(invocation, worker, result, now)
        held = _is_held(invocation, worker, result.epoch)
        if not (held and _follow(invocation, attempt, result.outcome, now)):
            if _is_on_record(attempt):
                continue  # It was stored, but the answer to the commit was lost.
            attempt.is_late, attempt.number = True, 0
        attempts.append(attempt)
    Attempt.objects.bulk_create(attempts)


def _is_held(invocation: Invocation, worker: Worker, epoch: int) -> bool:
    return (
        invocation.status == Invocation.Status.RUNNING
        and invocation.epoch == epoch
        and invocation.worker_id == worker.pk
    )


def _is_on_record(attempt: Attempt) -> bool:
    """Say whether this worker has stored what the claim came to already."""
    same = Attempt.objects.filter(
        invocation=attempt.invocation,
        epoch=attempt.epoch,
        worker_name=attempt.worker_name,
    )
    return same.exclude(kind=Attempt.Kind.LOST).exists()


def _attempt(
    invocation: Invocation, worker: Worker, result: Result, now: datetime
) -> Attempt:
    outcome = result.outcome
    took = timedelta(milliseconds=outcome.init_ms + outcome.duration_ms)
    return Attempt(
        invocation=invocation,
        number=0,
        epoch=result.epoch,
        kind=outcome.kind.value,
        error_code=outcome.code,
        error=storable(outcome.error),
        result=b"" if outcome.kind is Kind.OK else outcome.result,
        worker_name=worker.name,
        instance=outcome.instance,
        is_cold=outcome.cold,
        due_at=invocation.due_at,
        started_at=now - took,
        finished_at=now,
        duration_ms=outcome.duration_ms,
        init_ms=outcome.init_ms,
        memory_mb=outcome.memory_mb,
        log=outcome.log,
        log_truncated=outcome.log_truncated,
    )


def _follow(
    invocation: Invocation, attempt: Attempt, outcome: Outcome, now: datetime
) -> bool:
    """Move the invocation on; False when it had moved already."""
    if outcome.kind is Kind.LOST:
        # Our machinery's failure, not the function's: no number, and no retry spent.
        return requeue(invocation, now=now, started=outcome.started)
    invocation.attempts += 1
    attempt.number = invocation.attempts
    ending = _ending_after(invocation, attempt, outcome, now)
    if isinstance(ending, Retry):
        return _wait_until(invocation, ending.at)
    return finishing.finish(invocation, ending, now=now, result=outcome.result)


def _ending_after(
    invocation: Invocation, attempt: Attempt, outcome: Outcome, now: datetime
) -> Ending | Retry:
    """Return how it ends, or when it runs again; who is to stop does not."""
    if outcome.kind is Kind.OK:
        return endings.succeeded()
    if outcome.kind is Kind.CANCELLED or invocation.cancel:
        return endings.cancelled(invocation.cancelled_by, ran=True)
    step = next_step(
        policies.of(invocation.mode, invocation.config),
        fault=Fault.SYSTEM if outcome.kind is Kind.SYSTEM else Fault.USER,
        failures=invocation.attempts,
        failed_at=now,
        deadline=invocation.deadline,
    )
    if isinstance(step, Retry):
        return step
    return _exhausted(outcome, attempt.error, aged=step.aged)


def _exhausted(outcome: Outcome, error: str, *, aged: bool) -> Ending:
    cause = Cause(outcome.kind.value)
    if aged:
        return endings.aged_after_failure(cause, code=outcome.code, error=error)
    if outcome.kind is Kind.SYSTEM:
        return endings.system_error(error)
    return endings.user_error(cause, code=outcome.code, error=error)


def _wait_until(invocation: Invocation, at: datetime) -> bool:
    """Put a running invocation back, due at that time; False when it moved on."""
    running = Invocation.objects.running().filter(
        pk=invocation.pk, epoch=invocation.epoch
    )
    moved = running.update(
        status=Invocation.Status.WAIT,
        attempts=invocation.attempts,
        losses=invocation.losses,
        epoch=invocation.epoch + 1,
        worker=None,
        due_at=at,
        started_at=None,
    )
    return bool(moved)


def requeue(invocation: Invocation, *, now: datetime, started: bool) -> bool:
    """Give a running invocation back whose run our own machinery lost.

    Only a run that had started counts; after MAX_LOSSES of them the request is
    quarantined. Losses never spend the user's retries, and a synchronous call is
    never run twice. False when it moved on.
    """
    invocation.losses += started  # A bool: what never started is no loss.
    ending = _ending_after_loss(invocation, now)
    if ending:
        return end(invocation, ending, now=now)
    queue.ring(queue.INVOKE)
    return _wait_until(invocation, now)


def release(worker: Worker, epochs: Mapping[int, int]) -> None:
    """Give back what a worker claimed, by id and epoch; that spends nothing.

    What somebody asked to cancel ends here and does not start again.
    """
    now = clock.now()
    held = Invocation.objects.running().filter(worker=worker, pk__in=epochs)
    for invocation in held.with_version().locked():
        if invocation.epoch != epochs[invocation.pk]:
            continue
        if invocation.cancel:
            end(invocation, _cancelled(invocation), now=now)
        else:
            _wait_until(invocation, invocation.due_at)


def end(
    invocation: Invocation, ending: Ending, *, now: datetime, silence: str = ""
) -> bool:
    """End a request; False when it moved on.

    `silence` is why nobody is notified of it, see `finishing.finish`.

    One that cannot be ended like this ends with a sentence instead, so that it
    holds up no other. Must run inside a transaction.
    """
    try:
        with transaction.atomic():
            return finishing.finish(invocation, ending, now=now, silence=silence)
    except Exception as error:
        if troubles.is_passing(error):
            raise
        logger.exception("%s could not be ended as it should.", invocation)
        text = f"The end could not be stored: {troubles.in_words(error)}"
        return finishing.finish_bare(invocation, error=storable(text), now=now)


def end_if_over(invocation: Invocation, *, now: datetime) -> bool:
    """End a waiting request that may not run (again); say whether that was so."""
    ending = ending_before_run(invocation, now)
    if ending:
        end(invocation, ending, now=now)
    return ending is not None


def give_up(pk: int, *, epoch: int, error: Exception) -> None:
    """End a request for which nothing that its run came to can be stored."""
    now = clock.now()
    text = f"The result could not be stored: {troubles.in_words(error)}"
    rows = Invocation.objects.running().filter(pk=pk, epoch=epoch)
    for invocation in rows.with_version().locked():
        end(invocation, endings.system_error(text), now=now)


def _cancelled(invocation: Invocation) -> Ending:
    ran = invocation.first_started_at is not None
    return endings.cancelled(invocation.cancelled_by, ran=ran)


def _ending_after_loss(invocation: Invocation, now: datetime) -> Ending | None:
    if invocation.cancel:
        return _cancelled(invocation)
    if invocation.losses >= settings.MAX_LOSSES:
        error = f"Quarantined: {invocation.losses} workers died while running it."
        return endings.system_error(error, cause=Cause.QUARANTINED)
    if invocation.mode == Invocation.Mode.SYNC and invocation.losses:
        return endings.system_error(WORKER_LOST)
    return ending_before_run(invocation, now)


def ending_before_run(invocation: Invocation, now: datetime) -> Ending | None:
    """Return why a waiting request may not run (again), if so."""
    if invocation.cancel:
        return _cancelled(invocation)
    unavailable = _unavailable(invocation)
    if unavailable:
        return endings.unavailable(unavailable)
    if now <= invocation.deadline:
        return None
    # One that has run fails with the error of its last attempt; one that never has
    # is discarded.
    if invocation.attempts:
        return _aged_after_last(invocation)
    return endings.aged(
        age=(now - invocation.accepted_at).total_seconds(),
        limit=(invocation.deadline - invocation.accepted_at).total_seconds(),
    )


def _unavailable(invocation: Invocation) -> str:
    version, function = invocation.version, invocation.version.function
    if function.deleted_at:
        return f"Function {function.name} was deleted."
    if version.deleted_at:
        return f"Version {version.name} of {function.name} was deleted."
    if not function.is_enabled:
        return f"Function {function.name} is disabled."
    return ""


def _aged_after_last(invocation: Invocation) -> Ending:
    last = invocation.attempt_set.filter(number=invocation.attempts).first()
    if last is None or last.kind not in list(Cause):
        return endings.aged_after_failure(Cause.SYSTEM, code=0, error="")
    return endings.aged_after_failure(
        Cause(last.kind), code=last.error_code, error=last.error
    )
