"""What follows a run: an attempt on record, then a retry or the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from asyncconfig import clock, endings, finishing, policies, queue
from asyncconfig.endings import Cause, Ending
from asyncconfig.models import Attempt, Invocation, Worker
from asyncconfig.record import storable
from asyncconfig.schedule import Fault, Retry, next_step
from functions.runtime import Kind, Outcome

WORKER_LOST = "The worker that ran it stopped answering."


@dataclass(frozen=True)
class Result:
    """What the claim of that epoch came to."""

    invocation_id: int
    epoch: int
    outcome: Outcome


def settle(worker: Worker, results: Sequence[Result]) -> None:
    """Store results in the caller's transaction; stale ones only as evidence."""
    if not results:
        return
    now = clock.now()
    ids = [result.invocation_id for result in results]
    rows = Invocation.objects.select_related("config", "version__function__project")
    found = rows.in_bulk(ids)
    attempts: list[Attempt] = []
    waited_for: list[UUID] = []
    for result in results:
        invocation = found[result.invocation_id]
        held = _is_held(invocation, worker, result.epoch)
        attempt = _attempt(invocation, worker, result, now)
        attempt.is_late = not held
        attempts.append(attempt)
        if not held:
            continue
        _follow(invocation, attempt, result.outcome, now)
        if invocation.mode == Invocation.Mode.SYNC and invocation.is_finished:
            waited_for.append(invocation.request_id)
    Attempt.objects.bulk_create(attempts)
    if waited_for:
        queue.announce(waited_for)


def _is_held(invocation: Invocation, worker: Worker, epoch: int) -> bool:
    return (
        invocation.status == Invocation.Status.RUNNING
        and invocation.epoch == epoch
        and invocation.worker_id == worker.pk
    )


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
) -> None:
    if outcome.kind is Kind.LOST:
        lose(invocation, now=now, started=outcome.started)
        return
    invocation.attempts += 1
    attempt.number = invocation.attempts
    if outcome.kind is Kind.OK:
        finishing.finish(
            invocation, endings.succeeded(), now=now, result=outcome.result
        )
        return
    ending = _ending_after(invocation, attempt, outcome)
    if ending:
        finishing.finish(invocation, ending, now=now, result=outcome.result)
        return
    _after_failure(invocation, attempt, outcome, now)


def _ending_after(
    invocation: Invocation, attempt: Attempt, outcome: Outcome
) -> Ending | None:
    """Return the end that forbids a retry, whatever the schedule says."""
    if outcome.kind is Kind.CANCELLED or invocation.cancel:
        return endings.cancelled(invocation.cancelled_by, ran=True)
    return None


def _after_failure(
    invocation: Invocation, attempt: Attempt, outcome: Outcome, now: datetime
) -> None:
    step = next_step(
        policies.of(invocation.mode, invocation.config),
        fault=Fault.SYSTEM if outcome.kind is Kind.SYSTEM else Fault.USER,
        failures=invocation.attempts,
        failed_at=now,
        deadline=invocation.deadline,
    )
    if isinstance(step, Retry):
        _wait_until(invocation, step.at)
        return
    ending = _exhausted(outcome, attempt.error, aged=step.aged)
    finishing.finish(invocation, ending, now=now, result=outcome.result)


def _exhausted(outcome: Outcome, error: str, *, aged: bool) -> Ending:
    cause = Cause(outcome.kind.value)
    if aged:
        return endings.aged_after_failure(cause, code=outcome.code, error=error)
    if outcome.kind is Kind.SYSTEM:
        return endings.system_error(error)
    return endings.user_error(cause, code=outcome.code, error=error)


def _wait_until(invocation: Invocation, at: datetime) -> None:
    """Put a running invocation back, due at that time."""
    running = Invocation.objects.running().filter(
        pk=invocation.pk, epoch=invocation.epoch
    )
    running.update(
        status=Invocation.Status.WAIT,
        attempts=invocation.attempts,
        losses=invocation.losses,
        epoch=invocation.epoch + 1,
        worker=None,
        due_at=at,
        started_at=None,
    )


def lose(invocation: Invocation, *, now: datetime, started: bool) -> None:
    """Give a running invocation back whose run our own machinery lost.

    Only a run that had started counts; after MAX_LOSSES of them the request is
    quarantined. Losses never spend the user's retries, and a synchronous call is
    never run twice.
    """
    invocation.losses += started
    ending = _ending_after_loss(invocation, now)
    if ending:
        finishing.finish(invocation, ending, now=now)
        tell_waiter(invocation)
    else:
        _wait_until(invocation, now)
        queue.ring(queue.INVOKE)


def tell_waiter(invocation: Invocation) -> None:
    """Wake the web thread that waits for a synchronous call which has ended."""
    if invocation.mode == Invocation.Mode.SYNC:
        queue.announce([invocation.request_id])


def _ending_after_loss(invocation: Invocation, now: datetime) -> Ending | None:
    if invocation.cancel:
        return endings.cancelled(invocation.cancelled_by, ran=True)
    if invocation.losses >= settings.MAX_LOSSES:
        error = f"Quarantined: {invocation.losses} workers died while running it."
        return endings.system_error(error, cause=Cause.QUARANTINED)
    if invocation.mode == Invocation.Mode.SYNC and invocation.losses:
        return endings.system_error(WORKER_LOST)
    return ending_before_run(invocation, now)


def ending_before_run(invocation: Invocation, now: datetime) -> Ending | None:
    """Return why a waiting request may not run (again), if so."""
    unavailable = _unavailable(invocation)
    if unavailable:
        return endings.unavailable(unavailable)
    if now <= invocation.deadline:
        return None
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
    last = invocation.attempt_set.filter(number=invocation.attempts).get()
    return endings.aged_after_failure(
        Cause(last.kind), code=last.error_code, error=last.error
    )
