"""Instances are kept warm, shared with nobody else, and let go."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from functions.runtime import Kind, Outcome, available_runtimes
from tests.runtime.specs import call, descendants, make_spec, run, wait_until

COUNTER = """
count = 0
def handler(event, context):
    global count
    count += 1
    return count
"""


def test_host_python_is_a_runtime():
    assert len(available_runtimes()) == 1
    assert available_runtimes()[0].startswith("Python3.")


def test_warm_instance_is_used_again_with_its_globals(pool):
    spec = make_spec(COUNTER)

    outcomes = [pool.invoke(spec, call()) for _ in range(3)]

    assert [outcome.result for outcome in outcomes] == [b"1", b"2", b"3"]
    assert [outcome.cold for outcome in outcomes] == [True, False, False]
    assert len({outcome.instance for outcome in outcomes}) == 1


def test_outcome_tells_times_and_memory(pool):
    spec = make_spec("import time\ntime.sleep(.03)\ndef handler(e, c): time.sleep(.05)")

    cold, warm = pool.invoke(spec, call()), pool.invoke(spec, call())

    assert (warm.duration_ms >= 50, warm.init_ms) == (True, 0)
    assert (cold.duration_ms >= 50, cold.init_ms >= 30) == (True, True)
    assert warm.memory_mb > 1
    assert warm.started


def test_instance_is_used_only_for_its_own_key(pool):
    first = pool.invoke(make_spec(COUNTER, key="1.1"), call())
    second = pool.invoke(make_spec(COUNTER, key="1.2"), call())

    assert (second.result, second.cold) == (b"1", True)
    assert second.instance != first.instance


def test_calls_at_the_same_time_have_instances_of_their_own(pool):
    spec = make_spec("import time\ndef handler(e, c): time.sleep(.2); return e")
    payloads = [b"%d" % number for number in range(24)]

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda p: pool.invoke(spec, call(p)), payloads))

    assert [outcome.result for outcome in outcomes] == payloads
    assert len({outcome.instance for outcome in outcomes}) <= 8


def test_instance_outlives_the_thread_that_started_it(pool):
    spec = make_spec(COUNTER)
    outcomes = []

    for _ in range(3):
        thread = threading.Thread(
            target=lambda: outcomes.append(pool.invoke(spec, call()))
        )
        thread.start()
        thread.join()

    assert [outcome.result for outcome in outcomes] == [b"1", b"2", b"3"]


def test_idle_instances_are_let_go(make_pool):
    pool = make_pool(idle_seconds=0)
    pool.invoke(make_spec(COUNTER), call())
    assert len(descendants()) == 2

    pool.reap()

    # Only the zygote stays.
    wait_until(lambda: len(descendants()) == 1)


def test_young_idle_instances_stay(pool):
    first = pool.invoke(make_spec(COUNTER), call())
    pool.reap()

    assert pool.invoke(make_spec(COUNTER), call()).instance == first.instance


def test_longest_idle_instance_makes_room_in_the_budget(make_pool):
    pool = make_pool(memory_budget_mb=256)
    specs = [make_spec(COUNTER, key=str(number)) for number in range(3)]

    for spec in specs:
        pool.invoke(spec, call())

    wait_until(lambda: len(descendants()) == 3)
    assert [pool.invoke(spec, call()).cold for spec in (specs[1], specs[2])] == [
        False,
        False,
    ]
    assert pool.invoke(specs[0], call()).cold


def test_close_leaves_no_processes_and_no_folders(make_pool, tmp_path):
    pool = make_pool()
    escape = """
    import subprocess, sys
    def handler(event, context):
        subprocess.Popen(["setsid", "--fork", "sleep", "600"])
        subprocess.Popen(["sleep", "600"])
    """
    assert run(pool, escape).kind is Kind.OK
    wait_until(lambda: len(descendants()) == 4)

    pool.close()

    assert descendants() == set()
    assert os.listdir(tmp_path / "runtime" / "pools") == []


def test_detached_process_ends_with_its_instance_and_not_before(pool):
    escape = make_spec(
        """
        import subprocess
        def handler(event, context):
            subprocess.run(["setsid", "--fork", "sleep", "600"])
        """
    )
    first = pool.invoke(escape, call())
    assert first.kind is Kind.OK
    run(pool, "import os\ndef handler(e, c): os._exit(1)")
    wait_until(lambda: len(descendants()) == 3)

    pool.kill_all()

    wait_until(lambda: len(descendants()) == 1)


def test_closed_pool_runs_nothing(make_pool):
    pool = make_pool()
    pool.close()

    outcome = pool.invoke(make_spec(COUNTER), call())

    assert (outcome.kind, outcome.started) == (Kind.SYSTEM, False)
    pool.reap()
    pool.kill_all()
    pool.close()


def test_new_pool_removes_what_a_dead_one_left(make_pool, tmp_path):
    left = tmp_path / "runtime" / "pools" / "dead"
    left.mkdir(parents=True)
    (left / "owner.lock").touch()

    living = make_pool()
    make_pool()

    assert not left.exists()
    assert living.invoke(make_spec(COUNTER), call()).result == b"1"


def test_outcome_needs_only_its_kind():
    assert not Outcome(Kind.SYSTEM).ok
