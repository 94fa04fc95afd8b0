"""Runs that are stopped: by time, by somebody, by the loss of a process."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import functions.runtime.pool
from functions.runtime import Kind, oom
from tests.runtime.specs import (
    PATIENCE,
    call,
    descendants,
    instances_of,
    is_running,
    make_spec,
    only_instance_of,
    parent_of,
    run,
    scratch_of,
    wait_until,
)

ROOT = Path(__file__).parents[2]
PID = "import os\ndef handler(event, context): return os.getpid()"
# Says that it is there, then never ends.
STUCK = """
import os, time
def handler(event, context):
    if event:
        open(os.path.join(os.environ["TMPDIR"], "mark"), "w").close()
        time.sleep(600)
"""


class Stuck:
    """A call that hangs, in a thread of its own."""

    def __init__(self, pool, request_id="r-1"):
        self.outcome = None
        before = instances_of(pool)
        spec = make_spec(STUCK, timeout=600)
        self._thread = threading.Thread(
            target=self._run, args=(pool, spec, call(b"1", request_id)), daemon=True
        )
        self._thread.start()
        (instance,) = wait_until(
            lambda: [one for one in instances_of(pool) if one not in before]
        )
        wait_until(lambda: (scratch_of(pool, instance) / "mark").exists())
        self.pid = instance.pid

    def _run(self, pool, spec, event):
        self.outcome = pool.invoke(spec, event)

    def end(self):
        self._thread.join(PATIENCE)
        assert self.outcome is not None, "the call did not end"
        return self.outcome


def test_timeout_kills_the_instance_and_all_it_started(pool):
    spec = make_spec(
        """
        import subprocess, time
        def handler(event, context):
            print("before", flush=True)
            if event:
                subprocess.Popen(["sleep", "600"])
                time.sleep(600)
        """,
        timeout=0.5,
    )

    outcome = pool.invoke(spec, call(b"1"))

    assert (outcome.kind, outcome.code) == (Kind.TIMEOUT, 4010)
    assert outcome.error.endswith("call invoke timeout 0.5s")
    assert json.loads(outcome.result)["errorMessage"] == "call invoke timeout 0.5s"
    assert b"\nbefore\n" in outcome.log
    assert 500 <= outcome.duration_ms < 10_000
    assert outcome.memory_mb > 1
    wait_until(lambda: len(descendants()) == 1)
    assert pool.invoke(spec, call(b"0")).cold


def test_timeout_stops_code_that_only_prints(make_pool):
    outcome = run(
        make_pool(),
        "def handler(e, c):\n    while True: print('x' * 1000)",
        timeout=0.5,
    )

    assert (outcome.kind, outcome.log_truncated) == (Kind.TIMEOUT, True)


def test_cancelled_run_ends_at_once(pool):
    stuck = Stuck(pool, "r-7")

    assert not pool.cancel("r-8")
    assert pool.cancel("r-7")

    outcome = stuck.end()
    assert (outcome.kind, outcome.code) == (Kind.CANCELLED, 4208)
    assert (outcome.result, outcome.started) == (b"", True)
    assert not is_running(stuck.pid)
    assert not pool.cancel("r-7")


def test_kill_all_loses_all_runs_and_the_pool_goes_on(pool):
    run(pool, PID)
    idle = only_instance_of(pool).pid
    stuck = [Stuck(pool) for _ in range(3)]

    pool.kill_all()

    kinds = {(one.end().kind, one.end().started) for one in stuck}
    assert kinds == {(Kind.LOST, True)}
    assert not [pid for pid in (idle, *(one.pid for one in stuck)) if is_running(pid)]
    assert run(pool, PID).kind is Kind.OK


def test_code_that_kills_itself_is_not_lost(unconfined):
    outcome = run(
        unconfined,
        """
        import os, signal
        def handler(event, context):
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )

    assert (outcome.kind, outcome.code) == (Kind.CODE, 4002)
    assert outcome.error == "ProcessExited: the process was ended by signal SIGKILL"


@pytest.mark.parametrize(("victims", "kind"), [(8, Kind.LOST), (7, Kind.CODE)])
def test_only_a_victim_of_the_kernels_want_of_memory_is_lost(
    make_pool, tmp_path, monkeypatch, victims, kind
):
    counters = tmp_path / "vmstat"
    monkeypatch.setattr(oom, "COUNTERS", str(counters))
    counters.write_text("pgfault 1\noom_kill 7\n")
    stuck = Stuck(make_pool())

    counters.write_text(f"pgfault 2\noom_kill {victims}\n")
    os.kill(stuck.pid, signal.SIGKILL)

    outcome = stuck.end()
    assert (outcome.kind, outcome.started) == (kind, True)
    assert bool(outcome.result) == (kind is Kind.CODE)


# Serves so many requests and ends when the next one is there, unread.
LEAVES = """
import os, select, sys
protocol = sys.modules["_fgconsole.protocol"]
served = []
def read(channel, read=protocol.read):
    select.select([channel], [], [])
    if len(served) == {}:
        os._exit(5)
    served.append(1)
    return read(channel)
protocol.read = read
def handler(event, context):
    return 1
"""


def test_code_that_ends_before_it_reads_its_request_is_not_lost(pool, monkeypatch):
    started = []
    start = pool._start
    monkeypatch.setattr(pool, "_start", lambda spec: started.append(1) or start(spec))

    outcome = run(pool, LEAVES.format(0))

    assert len(started) == 1
    assert (outcome.kind, outcome.code, outcome.started) == (Kind.CODE, 4002, True)
    assert outcome.error == "ProcessExited: the process exited with status 5"


def test_warm_instance_that_ends_unasked_is_not_lost(pool, monkeypatch):
    monkeypatch.setattr(functions.runtime.pool, "TRIES", 1)
    spec = make_spec(LEAVES.format(1))
    first = pool.invoke(spec, call())

    second = pool.invoke(spec, call())

    assert (first.kind, second.kind, second.started) == (Kind.OK, Kind.CODE, True)


def test_idle_instance_killed_from_outside_is_not_missed(pool):
    run(pool, PID)

    os.kill(only_instance_of(pool).pid, signal.SIGKILL)
    outcome = run(pool, PID)

    assert (outcome.kind, outcome.cold) == (Kind.OK, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_for_the_whole_service_do_not_end_a_run(pool, number):
    run(pool, PID)
    pid = only_instance_of(pool).pid

    os.kill(parent_of(pid), number)
    os.kill(pid, number)

    assert not run(pool, PID).cold
    assert only_instance_of(pool).pid == pid


def test_programs_of_user_code_end_by_polite_signals(pool):
    source = """
    import multiprocessing, subprocess, time
    def handler(event, context):
        program = subprocess.Popen(["sleep", "600"])
        program.terminate()
        fork = multiprocessing.get_context("fork")
        copy = fork.Process(target=time.sleep, args=(600,))
        copy.start()
        copy.terminate()
        copy.join()
        return [program.wait(), copy.exitcode]
    """

    assert run(pool, source).result == b"[-15, -15]"


def test_result_counts_although_the_instance_ends_after_it(pool):
    source = """
    import os, threading, time
    def die():
        time.sleep(0.05)
        os._exit(0)
    def handler(event, context):
        threading.Thread(target=die).start()
        return os.getpid()
    """
    spec = make_spec(source)
    first = pool.invoke(spec, call())
    wait_until(lambda: not is_running(only_instance_of(pool).pid))

    second = pool.invoke(spec, call())

    assert (first.kind, second.kind, second.cold) == (Kind.OK, Kind.OK, True)


def test_copy_left_behind_does_not_hide_the_end_of_its_instance(pool):
    source = """
    import os, time
    def handler(event, context):
        if os.fork() == 0:
            time.sleep(600)
        os._exit(5)
    """
    began = time.monotonic()

    outcome = run(pool, source, timeout=20)

    assert outcome.error == "ProcessExited: the process exited with status 5"
    assert time.monotonic() - began < 15


def test_killed_zygote_takes_its_instances_along_and_is_replaced(pool):
    run(pool, PID)
    idle = only_instance_of(pool).pid
    stuck = Stuck(pool)

    os.kill(parent_of(idle), signal.SIGKILL)

    assert stuck.end().kind is Kind.LOST
    wait_until(lambda: not is_running(idle) and not is_running(stuck.pid))
    assert run(pool, PID).kind is Kind.OK


OWNER = """
import sys, threading
from pathlib import Path
from functions.runtime import Pool
from tests.runtime.specs import call, make_spec
from tests.runtime.test_endings import STUCK

pool = Pool(root=Path(sys.argv[1]))
spec = make_spec(STUCK, timeout=600)
print(pool.invoke(spec, call(b"")).kind, flush=True)
pool.invoke(spec, call(b"1"))
"""


def test_all_processes_die_with_their_owner(tmp_path):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "runtime")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert owner.stdout.readline() == b"ok\n"
        below = descendants(owner.pid)
        assert len(below) == 2
    finally:
        owner.kill()
        owner.communicate(timeout=PATIENCE)

    wait_until(lambda: not [pid for pid in below if is_running(pid)])


def test_sixteen_threads_while_everything_is_killed_again_and_again(pool):
    """Whatever happens to processes, each call ends, with an Outcome."""
    specs = [make_spec(PID, key=str(number)) for number in range(4)]
    kinds = set()
    end = time.monotonic() + 3

    def work(number):
        while time.monotonic() < end:
            outcome = pool.invoke(specs[number % 4], call(request_id=str(number)))
            kinds.add(outcome.kind)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        pool.kill_all()
        pool.cancel("3")
        pool.reap()
        time.sleep(0.05)
    for thread in threads:
        thread.join(PATIENCE)

    assert not [thread for thread in threads if thread.is_alive()]
    assert kinds <= {Kind.OK, Kind.LOST, Kind.CANCELLED}
    assert run(pool, PID).kind is Kind.OK
