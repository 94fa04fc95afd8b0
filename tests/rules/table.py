"""The rules of the engine: how each is taken away by hand, and which test misses it."""

from dataclasses import dataclass

ENGINE = "tests/asyncconfig/test_engine.py"
WORKER = "tests/asyncconfig/worker"
SETTLING = "asyncconfig/invocations/settling.py"


@dataclass(frozen=True)
class Rule:
    """`text` stands in `file` once; with `without` in its place `test` must fail."""

    says: str
    file: str
    text: str
    without: str
    test: str
    database: str = "sqlite"


RULES = (
    Rule(
        "Nobody is rung for a request that is not committed.",
        "asyncconfig/queue.py",
        "    transaction.on_commit(partial(ring_now, name))\n",
        "    ring_now(name)\n",
        f"{WORKER}/test_ringing.py::test_nobody_is_rung_for_what_is_not_committed",
    ),
    Rule(
        "Without Redis requests are accepted.",
        "asyncconfig/queue.py",
        "    except redis.RedisError as error:\n        _silence.begin(error)\n",
        "    except ZeroDivisionError as error:\n        _silence.begin(error)\n",
        f"{WORKER}/test_ringing.py"
        "::test_without_redis_a_request_is_accepted_all_the_same",
    ),
    Rule(
        "One key stands for one request.",
        "asyncconfig/invocations/idempotency.py",
        "    if known is not None:\n        return known, False\n",
        "    if known is not None:\n        known.delete()\n",
        "tests/asyncconfig/test_idempotency.py::test_the_same_request_is_accepted_once",
    ),
    Rule(
        "Only the current epoch decides.",
        SETTLING,
        "        and invocation.epoch == epoch\n",
        "",
        f"{ENGINE}::test_a_stale_settle_decides_nothing_and_is_kept",
    ),
    Rule(
        "A claim raises the epoch.",
        "asyncconfig/lanes/invoking.py",
        '            epoch=F("epoch") + 1,\n',
        "",
        f"{ENGINE}::test_a_stale_settle_decides_nothing_and_is_kept"
        f" {ENGINE}::test_released_work_is_no_attempt"
        f" {ENGINE}::test_a_result_ends_as_success",
    ),
    Rule(
        "What a dead worker held is free when its lease is over.",
        "asyncconfig/worker/sweep.py",
        "    mark_dead,\n",
        "",
        f"{ENGINE}::test_a_dead_workers_rows_are_free_when_its_lease_is_over",
    ),
    Rule(
        "A worker that was marked dead claims nothing.",
        "asyncconfig/worker/dispatching.py",
        " or not leases.is_live(self.worker)",
        "",
        f"{ENGINE}::test_a_worker_marked_dead_claims_nothing_and_starts_over",
    ),
    Rule(
        "A clock that jumps ahead costs no worker its lease.",
        "asyncconfig/worker/jumps.py",
        "            if ahead > lease * TOLERATED:\n",
        "            if ahead > lease * TOLERATED * 1_000_000:\n",
        f"{WORKER}/test_sweeping.py"
        "::test_a_clock_that_jumps_ahead_costs_no_worker_its_lease",
    ),
    Rule(
        "Losses spend no retry.",
        SETTLING,
        "    if outcome.kind is Kind.LOST:\n",
        "    if outcome.kind is None:\n",
        f"{ENGINE}::test_losses_spend_no_retry_and_end_in_quarantine",
    ),
    Rule(
        "After too many losses a request is quarantined.",
        SETTLING,
        "    if invocation.losses >= settings.MAX_LOSSES:\n",
        "    if invocation.losses >= 8:\n",
        f"{ENGINE}::test_losses_spend_no_retry_and_end_in_quarantine",
    ),
    Rule(
        "What is given back spends nothing.",
        SETTLING,
        "            _wait_until(invocation, invocation.due_at)\n",
        "            requeue(invocation, now=now, started=True)\n",
        f"{ENGINE}::test_released_work_is_no_attempt",
    ),
    Rule(
        "Retries are as many as configured.",
        "asyncconfig/decisions/schedule.py",
        "    if failures > policy.retries(fault):\n",
        "    if failures > policy.retries(fault) + 1:\n",
        "tests/asyncconfig/test_schedule.py::test_next_step_retries_until_spent_or_old",
    ),
    Rule(
        "A retry that would start too late is not waited for.",
        "asyncconfig/decisions/schedule.py",
        "    return GiveUp(aged=True) if at > deadline else Retry(at)\n",
        "    return Retry(at)\n",
        f"{ENGINE}::test_a_retry_past_the_deadline_is_not_waited_for",
    ),
    Rule(
        "What is too old does not start.",
        "asyncconfig/lanes/invoking.py",
        "        if settling.end_if_over(invocation, now=now):\n",
        "        if False:\n",
        f"{ENGINE}::test_a_claim_too_late_is_discarded_without_the_sweep",
    ),
    Rule(
        "A cancelled request does not start again.",
        SETTLING,
        "        if invocation.cancel:\n",
        "        if False:\n",
        f"{ENGINE}::test_a_cancelled_request_does_not_start_again_when_its_worker_stops",
    ),
    Rule(
        "The notification is written with the end, in one transaction.",
        "asyncconfig/invocations/finishing.py",
        "        _owe(invocation, ending, now, silence)\n",
        "        pass\n",
        "tests/asyncconfig/test_delivering.py"
        "::test_success_tells_the_one_and_failure_the_other",
    ),
    Rule(
        "A function is told once.",
        "asyncconfig/lanes/outbox.py",
        "answer = self._attempt(claim) if held.exists() else TOO_LATE\n",
        "answer = self._attempt(claim)\n",
        "tests/asyncconfig/test_delivering.py"
        "::test_a_function_target_is_accepted_exactly_once",
    ),
    Rule(
        "What a dead courier held is sent by another.",
        "asyncconfig/worker/sweep.py",
        "    free_outboxes,\n",
        "",
        "tests/asyncconfig/test_delivering.py"
        "::test_a_dead_couriers_delivery_is_sent_by_another",
    ),
    Rule(
        "Chains end.",
        "asyncconfig/invocations/accepting.py",
        "        if invocation.hops >= settings.ASYNC_MAX_HOPS:\n",
        "        if invocation.hops >= 40:\n",
        "tests/asyncconfig/test_delivering.py"
        "::test_a_loop_that_is_let_run_ends_after_sixteen_runs",
    ),
    Rule(
        "Over its concurrency a request waits.",
        "asyncconfig/lanes/invoking.py",
        "            rooms[function.pk] = max(function.max_instances - running, 0)\n",
        "            rooms[function.pk] = 50\n",
        f"{ENGINE}::test_over_its_concurrency_a_request_waits",
    ),
    Rule(
        "Functions take turns.",
        "asyncconfig/lanes/invoking.py",
        "                self._last_served = function_id\n",
        "                break\n",
        f"{ENGINE}::test_claims_are_fair_across_functions",
    ),
    Rule(
        "A result that cannot be stored keeps no other from being stored.",
        "asyncconfig/worker/dispatching.py",
        "            self._unstored.store_each(self.worker)\n",
        "            pass\n",
        f"{WORKER}/test_storing.py"
        "::test_a_poison_result_neither_stays_nor_takes_others_with_it",
    ),
    Rule(
        "The flag is taken away before the last look, so that no ring is lost.",
        "asyncconfig/worker/dispatching.py",
        "        queue.answered(self.lane.name)\n",
        "        pass\n",
        f"{WORKER}/test_ringing.py"
        "::test_nobody_rings_while_a_dispatcher_looks_and_it_looks_once_more_after",
    ),
    Rule(
        "What is stuck ends, so that its lease frees what it held.",
        "asyncconfig/worker/dispatching.py",
        "            os._exit(os.EX_SOFTWARE)\n",
        "            pass\n",
        f"{WORKER}/test_watching.py"
        "::test_a_process_whose_dispatcher_hangs_ends_and_says_where",
    ),
    Rule(
        "Two who change a request at once do it one after the other.",
        "asyncconfig/models/invocation.py",
        'self.order_by("pk").select_for_update(of=("self",), no_key=True)\n',
        'self.order_by("pk")\n',
        "tests/asyncconfig/test_crossing.py",
        "postgresql",
    ),
    Rule(
        "A worker that cannot renew ends its children before the lease is over.",
        "asyncconfig/worker/leases.py",
        "        return asked + seconds - MARGIN * settings.WORKER_LEASE_SECONDS\n",
        "        return asked + seconds + settings.WORKER_LEASE_SECONDS\n",
        f"{WORKER}/test_leasing.py"
        "::test_the_child_of_a_worker_cut_off_is_dead_before_its_successor_starts",
        "postgresql",
    ),
)
