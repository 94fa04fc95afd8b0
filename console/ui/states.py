"""One vocabulary of states for list, detail, runner and admin (labels and tones)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from asyncconfig import policies
from asyncconfig.decisions import loops
from asyncconfig.decisions.endings import Cause, Condition
from asyncconfig.models import Attempt, Delivery, Invocation
from asyncconfig.models.outbox import Outbound

Text = str | Promise


@dataclass(frozen=True)
class Look:
    """How a state is shown: never by colour alone."""

    label: Text
    icon: str
    tone: str


@dataclass(frozen=True)
class State:
    """A state as it is shown; `next_at` is when something happens by itself."""

    key: str
    label: Text
    icon: str
    tone: str
    reason: str = ""
    next_at: datetime | None = None
    is_final: bool = False


LOOKS = {
    "queued": Look(gettext_lazy("Waiting"), "circle-dashed", "neutral"),
    "held": Look(gettext_lazy("Held"), "square", "neutral"),
    "running": Look(gettext_lazy("Running"), "loader-circle", "running"),
    "retrying": Look(gettext_lazy("Retrying"), "rotate-cw", "retrying"),
    "success": Look(gettext_lazy("Succeeded"), "circle-check", "success"),
    "failed": Look(gettext_lazy("Failed"), "circle-x", "failed"),
    "discarded": Look(gettext_lazy("Discarded"), "trash-2", "discarded"),
    "cancelled": Look(gettext_lazy("Cancelled"), "ban", "neutral"),
}
DELIVERY_LOOKS = {
    "pending": Look(gettext_lazy("Pending"), "circle-dashed", "neutral"),
    "held": Look(gettext_lazy("Held"), "square", "neutral"),
    "sending": Look(gettext_lazy("Sending"), "loader-circle", "running"),
    "retrying": Look(gettext_lazy("Retrying delivery"), "rotate-cw", "retrying"),
    "delivered": Look(gettext_lazy("Delivered"), "circle-check", "success"),
    "failed": Look(gettext_lazy("Delivery failed"), "circle-x", "failed"),
    "skipped": Look(gettext_lazy("Not sent"), "circle-slash", "neutral"),
}
PASSED_OVER: dict[str, Text] = {
    "success": gettext_lazy("the run succeeded"),
    "failed": gettext_lazy("the run failed"),
    "discarded": gettext_lazy("the request was discarded"),
    "cancelled": gettext_lazy("the request was cancelled"),
}
CAUSES: dict[str, Text] = {
    Cause.CODE: gettext_lazy("Code error"),
    Cause.TIMEOUT: gettext_lazy("Timed out"),
    Cause.INIT: gettext_lazy("Initialization failed"),
    Cause.LOAD: gettext_lazy("Load failed"),
    Cause.MEMORY: gettext_lazy("Memory exceeded"),
    Cause.DISK: gettext_lazy("Disk exceeded"),
    Cause.RESULT: gettext_lazy("Return value refused"),
    Cause.SYSTEM: gettext_lazy("System error"),
    Cause.QUARANTINED: gettext_lazy("Quarantined"),
}
CONDITIONS: dict[str, Text] = {
    Condition.AGED: gettext_lazy("Validity period over"),
    Condition.UNAVAILABLE: gettext_lazy("Function deleted or disabled"),
    Condition.LOOP: gettext_lazy("Loop stopped"),
}


NOT_RUN: dict[str, Text] = {
    Condition.AGED: gettext_lazy("Not run: its validity period had expired."),
    Condition.UNAVAILABLE: gettext_lazy("Not run: function deleted or disabled."),
    Condition.LOOP: gettext_lazy("Not run: loop stopped."),
    Condition.CANCELLED: gettext_lazy("Not run: the request was cancelled."),
    Condition.SYSTEM: gettext_lazy("Not run: system error."),
}


def key_of(invocation: Invocation) -> str:
    match invocation.status:
        case Invocation.Status.WAIT:
            return "retrying" if invocation.attempts or invocation.losses else "queued"
        case Invocation.Status.HELD:
            return "held"
        case Invocation.Status.RUNNING:
            return "running"
        case Invocation.Status.SUCCESS:
            return "success"
        case Invocation.Status.DISCARD:
            return "discarded"
    return "cancelled" if invocation.condition == Condition.CANCELLED else "failed"


# What `key_of` says of a row, asked of the database.
FILTERS = {
    "queued": Q(status=Invocation.Status.WAIT, attempts=0, losses=0),
    "held": Q(status=Invocation.Status.HELD),
    "running": Q(status=Invocation.Status.RUNNING),
    "retrying": Q(status=Invocation.Status.WAIT)
    & (Q(attempts__gt=0) | Q(losses__gt=0)),
    "success": Q(status=Invocation.Status.SUCCESS),
    "failed": Q(status=Invocation.Status.FAIL) & ~Q(condition=Condition.CANCELLED),
    "discarded": Q(status=Invocation.Status.DISCARD),
    "cancelled": Q(status=Invocation.Status.FAIL, condition=Condition.CANCELLED),
}


def display_state(invocation: Invocation) -> State:
    """Return what the whole console says about an invocation's state."""
    key = key_of(invocation)
    look = LOOKS[key]
    return State(
        key,
        look.label,
        look.icon,
        look.tone,
        reason=_reason(key, invocation),
        next_at=invocation.due_at if key == "retrying" else None,
        is_final=invocation.is_finished,
    )


def _reason(key: str, invocation: Invocation) -> str:
    match key:
        case "running" | "retrying":
            return _("attempt %(number)d of %(planned)d") % {
                "number": invocation.attempts + 1,
                "planned": max(planned_attempts(invocation), invocation.attempts + 1),
            }
        case "success" if invocation.attempts > 1:
            retries = invocation.attempts - 1
            return ngettext("after %(n)d retry", "after %(n)d retries", retries) % {
                "n": retries
            }
        case "failed":
            return _failure(invocation)
        case "discarded":
            return str(CONDITIONS.get(invocation.condition, invocation.condition))
        case "held":
            return _("since a restore, until an operator releases it")
        case "cancelled" if invocation.cancelled_by:
            return _("by %(who)s") % {"who": invocation.cancelled_by}
    return ""


def _failure(invocation: Invocation) -> str:
    cause = str(CAUSES.get(invocation.cause, ""))
    if invocation.condition == Condition.AGED:
        return str(CONDITIONS[Condition.AGED])
    return cause


def error_of(invocation: Invocation) -> str:
    """Return the error as pages show it: the way of a stopped loop is shortened."""
    if invocation.condition == Condition.LOOP:
        return loops.condense(invocation.error)
    return invocation.error


def why_not_run(invocation: Invocation) -> str:
    """Say why there is no attempt to show (yet)."""
    if not invocation.is_finished:
        return _("Not run yet.")
    return str(NOT_RUN.get(invocation.condition, NOT_RUN[Condition.CANCELLED]))


def planned_attempts(invocation: Invocation) -> int:
    """Return how many runs the policy allows when each one fails."""
    return policies.of(invocation.mode, invocation.config).user_retries + 1


def delivery_key(delivery: Outbound) -> str:
    match delivery.status:
        case Delivery.Status.WAIT:
            return "retrying" if delivery.attempts else "pending"
        case Delivery.Status.HELD:
            return "held"
        case Delivery.Status.SENDING:
            return "sending"
        case Delivery.Status.DELIVERED:
            return "delivered"
        case Delivery.Status.SKIPPED:
            return "skipped"
    return "failed"


# What `delivery_key` says of a row, asked of the database.
DELIVERY_FILTERS = {
    "pending": Q(status=Delivery.Status.WAIT, attempts=0),
    "held": Q(status=Delivery.Status.HELD),
    "sending": Q(status=Delivery.Status.SENDING),
    "retrying": Q(status=Delivery.Status.WAIT, attempts__gt=0),
    "delivered": Q(status=Delivery.Status.DELIVERED),
    "failed": Q(status=Delivery.Status.FAILED),
    "skipped": Q(status=Delivery.Status.SKIPPED),
}


def delivery_state(delivery: Outbound) -> State:
    """Return what the whole console says about the state of what is owed."""
    key = delivery_key(delivery)
    look = DELIVERY_LOOKS[key]
    return State(
        key,
        look.label,
        look.icon,
        look.tone,
        reason=delivery.reason,
        next_at=delivery.due_at if key == "retrying" else None,
        is_final=delivery.is_finished,
    )


def passed_over(invocation: Invocation) -> State:
    """Return the state of the target that an ended invocation did not call for."""
    look = DELIVERY_LOOKS["skipped"]
    reason = str(PASSED_OVER.get(key_of(invocation), ""))
    return State(
        "skipped", look.label, look.icon, look.tone, reason=reason, is_final=True
    )


def attempt_state(attempt: Attempt) -> State:
    """Return the look of one attempt: succeeded, lost, or failed with its cause."""
    if attempt.kind == Attempt.Kind.OK:
        key = "success"
    elif attempt.kind in (Attempt.Kind.LOST, Attempt.Kind.CANCELLED):
        key = "cancelled"
    else:
        key = "failed"
    look = LOOKS[key]
    label = look.label if key == "success" else attempt.get_kind_display()
    return State(key, label, look.icon, look.tone, reason=attempt.error, is_final=True)


@dataclass(frozen=True)
class Dot:
    """One planned attempt in a row of dots; the tone says how it went."""

    tone: str


def dots(invocation: Invocation) -> list[Dot]:
    """Return a dot per planned attempt: done, running, still planned, or crossed."""
    done = ["failed"] * invocation.attempts
    key = key_of(invocation)
    if key == "success" and done:
        done[-1] = "success"
    planned = max(planned_attempts(invocation), len(done)) - len(done)
    if key == "running":
        done.append("running")
        planned = max(planned - 1, 0)
    rest = "crossed" if invocation.is_finished else "planned"
    return [Dot(tone) for tone in (*done, *[rest] * planned)]
