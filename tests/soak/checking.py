"""What was promised, against what the database, the targets and the runs say."""

import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.soak.plan import MOST_HOPS, OWED, RETRIES

DRAIN_SECONDS = 240.0
REQUESTS = """
    SELECT i.request_id, f.name, i.status, i.condition, i.error, i.attempts, i.hops,
           i.first_started_at, i.mode, i.id
    FROM asyncconfig_invocation i JOIN functions_function f ON f.id = i.function_id
"""
DELIVERIES = """
    SELECT d.invocation_id, d.delivery_id, d.kind, d.status, d.reference, d.reason,
           (SELECT COUNT(*) FROM asyncconfig_invocation c
            WHERE c.source_delivery_id = d.id),
           (SELECT COUNT(*) FROM asyncconfig_message m
            WHERE m.source_delivery_id = d.id)
    FROM asyncconfig_delivery d
"""
LETTERS = """
    SELECT m.message_id, n.protocol, n.status, n.reason,
           (SELECT COUNT(*) FROM asyncconfig_invocation c
            WHERE c.source_message_delivery_id = n.id)
    FROM asyncconfig_messagedelivery n JOIN asyncconfig_message m ON m.id = n.message_id
"""
OPEN = """
    SELECT (SELECT COUNT(*) FROM asyncconfig_invocation WHERE finished_at IS NULL)
         + (SELECT COUNT(*) FROM asyncconfig_delivery WHERE finished_at IS NULL)
         + (SELECT COUNT(*) FROM asyncconfig_messagedelivery WHERE finished_at IS NULL)
"""
OVER = ("SUCCESS", "FAIL", "DISCARD")


@dataclass
class Verdict:
    """Figures to print, and every violation in words."""

    figures: Counter = field(default_factory=Counter)
    violations: list = field(default_factory=list)

    def must(self, holds, sentence):
        if not holds:
            self.violations.append(sentence)


def drain(site):
    """Wait until nothing is open; return how long that took, or None."""
    began = time.monotonic()
    while time.monotonic() - began < DRAIN_SECONDS:
        if site.rows(OPEN)[0][0] == 0:
            return time.monotonic() - began
        time.sleep(0.5)
    return None


def check(site, promised, seen, nemesis):
    """Hold everything against everything; return the verdict."""
    verdict = Verdict()
    verdict.violations += promised.broken
    rows = {_text(row[0]): row[1:] for row in site.rows(REQUESTS)}
    owed = defaultdict(list)
    for row in site.rows(DELIVERIES):
        owed[row[0]].append(row[1:])
    keys = set(site.inside("objects"))
    _check_promises(verdict, promised, rows)
    for request, row in rows.items():
        _check_request(verdict, request, row, seen)
        _check_owed(verdict, request, row, owed[row[8]], keys)
    _check_cancelled(verdict, promised, rows, seen)
    _check_letters(verdict, site, seen)
    _check_overlaps(verdict, seen, nemesis)
    balance = site.balance()
    verdict.must("Drift 0." in balance, f"the balance: {balance}")
    return verdict


def _check_promises(verdict, promised, rows):
    verdict.figures["acknowledged (202)"] = len(promised.functions)
    verdict.figures["asked for, never answered"] = promised.unanswered
    verdict.figures["cancelled"] = len(promised.cancelled)
    for request, name in promised.functions.items():
        row = rows.get(_text(request))
        verdict.must(row is not None, f"{request} was acknowledged and is gone")
        verdict.must(row is None or row[0] == name, f"{request} is another's")


def _check_request(verdict, request, row, seen):
    name, status, condition, error, attempts, hops, _started, _mode, _pk = row
    verdict.figures["requests"] += 1
    verdict.figures[f"… {status} {condition}".rstrip()] += 1
    verdict.must(status in OVER, f"{request} never ended: {status}")
    is_well = status == "SUCCESS"
    verdict.must(is_well == (condition == ""), f"{request}: {status} {condition}")
    verdict.must(is_well or error, f"{request} ended without a reason")
    most = RETRIES.get(name, 0) + 1
    # Without a configuration a system error is tried once more.
    verdict.must(attempts <= max(most, 2), f"{request} ran {attempts} times")
    verdict.must(hops <= MOST_HOPS, f"{request} went through {hops} functions")
    finished = seen.finished(request)
    verdict.figures["runs that finished"] += finished
    verdict.figures["runs that began"] += len(seen.runs[request])
    verdict.must(finished or not is_well, f"{request} succeeded and never ran")


def _check_cancelled(verdict, promised, rows, seen):
    """What never ran before it was cancelled does not begin afterwards."""
    for request, moment in promised.cancelled.items():
        _name, _status, condition, _error, attempts, _hops, started, *_ = rows[request]
        runs = seen.runs[request].values()
        if condition == "Cancelled" and not attempts and started is None:
            late = sum(run.began > moment for run in runs)
            verdict.must(not late, f"{request} was cancelled and began")


def _check_owed(verdict, request, row, deliveries, keys):
    name, status, pk_of = row[0], row[1], row[8]
    kind = OWED[name][status != "SUCCESS"]
    verdict.must(
        [one[1] for one in deliveries] == [kind] * bool(kind),
        f"{request} ({pk_of}) owes {kind or 'nothing'} and has {deliveries}",
    )
    for _id, kind_of, state, reference, reason, children, messages in deliveries:
        verdict.figures[f"owed to {kind_of}"] += 1
        verdict.must(state == "DELIVERED", f"{request}: {state}, {reason}")
        if kind_of == "FunctionGraph":
            verdict.must(children == 1, f"{request} started {children} requests")
        elif kind_of == "SMN":
            verdict.must(messages == 1, f"{request} published {messages} messages")
        elif kind_of == "OBS":
            verdict.must(reference in keys, f"{request}: no object {reference}")


def _check_letters(verdict, site, seen):
    for message, protocol, status, reason, children in site.rows(LETTERS):
        verdict.figures[f"owed to subscribers ({protocol})"] += 1
        verdict.must(status == "DELIVERED", f"message {message}: {status}, {reason}")
        if protocol == "http":
            name = uuid.UUID(_text(message)).hex
            verdict.must(seen.letters[name], f"message {message} never arrived")
            verdict.figures["letters that came twice"] += seen.letters[name] > 1
        else:
            verdict.must(children == 1, f"message {message} started {children} runs")


def _check_overlaps(verdict, seen, nemesis):
    """A worker that is stopped leaves its children running: only then may it be."""
    for request, moment in seen.overlaps():
        verdict.figures["runs side by side, of a worker stopped by SIGSTOP"] += 1
        is_stopped = any(begin <= moment <= end for begin, end in nemesis.stopped)
        verdict.must(is_stopped, f"{request} ran side by side")


def _text(value):
    """Write a request's ID as runs see it; SQLite keeps it without dashes."""
    return str(uuid.UUID(str(value)))
