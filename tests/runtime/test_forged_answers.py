"""What user code writes on the channel itself is believed of itself alone."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.runtime import Kind
from functions.runtime.bootstrap.protocol import LENGTHS, pack
from tests.runtime.forging import (
    HONEST,
    assert_storable,
    forged,
    forged_header,
    header,
)
from tests.runtime.specs import call, make_spec, run

FATES = ["cancelled", "lost", "system", "timeout", "memory"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(2**31) - 1, 2**31, 2**63, 4001.0, 1e308])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "a\0b", "x" * 20_000, *FATES, "ok", "code", "result"])
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=8,
)
HEADERS = ANY_JSON | st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["ok", "code", "result", *FATES]) | ANY_JSON,
        "code": st.sampled_from([0, 4001, 4002, 4004]) | ANY_JSON,
        "content_type": st.sampled_from(["text/plain", "application/json"]) | ANY_JSON,
        "error": st.just("") | ANY_JSON,
        "memory_mb": ANY_JSON,
        "cpu_seconds": ANY_JSON,
    },
)
DEEP = b"[" * 100_000
LENGTH = st.integers(0, 2**32 - 1) | st.integers(0, 300)
FRAMES = (
    st.builds(pack, HEADERS, st.binary(max_size=100))
    | st.binary(max_size=200)
    | st.builds(
        lambda a, b, rest: LENGTHS.pack(a, b) + rest, LENGTH, LENGTH, st.binary()
    )
    | st.builds(lambda text: LENGTHS.pack(len(text), 0) + text, st.binary(max_size=80))
    | st.just(LENGTHS.pack(len(DEEP), 0) + DEEP)
    | st.builds(lambda rest: pack(HONEST) + rest, st.binary(max_size=9))
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.data())
def _check_any(pool, data):
    at = data.draw(st.sampled_from(["invoke", "invoke", "initialize", "load"]))

    outcome = forged(pool, data.draw(FRAMES), at=at)

    # One that is good ends the phase, and the process then ends in the next.
    if at != "invoke" and outcome.kind is Kind.CODE:
        at = "invoke"
    elif at == "load" and outcome.kind is Kind.INIT:
        at = "initialize"
    assert_storable(outcome, at=at)


def test_no_answer_is_anything_but_an_outcome_that_can_be_stored(pool):
    _check_any(pool)


def test_code_that_no_column_takes_is_refused_in_words(pool):
    outcome = forged_header(pool, kind="code", code=10**30)

    assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)
    assert outcome.error.startswith(
        "AnswerRefused: The code answered for the runtime, "
    )
    assert json.loads(outcome.result)["errorType"] == "AnswerRefused"


@pytest.mark.parametrize("at", ["load", "initialize", "invoke"])
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("cancelled", 4208),
        ("lost", 150427),
        ("system", 330404),
        ("timeout", 4010),
        ("memory", 4205),
        ("load", 4001),
        ("init", 4009),
        ("code", 4002),
        ("ok", 4002),
        ("code", 0),
    ],
)
def test_code_does_not_decide_what_became_of_it(pool, at, kind, code):
    outcome = forged_header(pool, kind=kind, code=code, at=at)

    own = {
        "load": ("load", 4001),
        "initialize": ("init", 4009),
        "invoke": ("code", 4002),
    }
    if (kind, code) == own[at]:
        assert (outcome.kind, outcome.code) == (kind, code)
    else:
        assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)
        assert outcome.started


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "\ud800"},
        {"error": "a\0b"},
        {"error": "x" * 20_000},
        {"error": 7},
        {"content_type": "text/html"},
        {"content_type": ["text/plain"]},
        {"kind": ["ok"]},
        {"code": False},
        {"code": 0.0},
    ],
)
def test_field_that_is_not_the_runtimes_own_refuses_the_answer(pool, changes):
    outcome = forged_header(pool, **changes)

    assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)
    assert_storable(outcome)


def test_result_over_the_limit_is_refused_whoever_wrote_it(pool):
    outcome = forged(pool, pack(header(), b"x" * 6_291_457))

    assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)


def test_bill_is_what_the_kernel_counted(pool):
    claimed = {"memory_mb": 1e300, "cpu_seconds": 1e300}

    outcome = forged_header(pool, **claimed)

    assert outcome.kind is Kind.OK
    assert 1 < outcome.memory_mb < 1000
    assert float(re.search(rb"cpu used: (.*?)U", outcome.log)[1]) < 100


def test_work_of_all_threads_is_on_the_bill(pool):
    spec = make_spec(
        """
        import threading, time
        def work(seconds):
            while time.thread_time() < seconds:
                pass
        def handler(event, context):
            threads = [threading.Thread(target=work, args=(0.1,)) for _ in range(2)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            kept = bytearray(40 * 1024 * 1024)
        """
    )
    pool.invoke(spec, call())

    outcome = pool.invoke(spec, call())

    line = outcome.log.decode().rpartition("cpu used: ")[2]
    used = float(line.partition("U")[0]) * outcome.duration_ms / 1000
    assert used >= 0.19
    assert outcome.memory_mb > 40


def test_process_that_ended_is_billed_too(pool):
    source = """
    import os
    def handler(event, context):
        kept = bytearray(40 * 1024 * 1024)
        os._exit(1)
    """

    assert run(pool, source).memory_mb > 40


def test_runtimes_own_error_is_storable_as_it_is(pool):
    outcome = run(
        pool, "def handler(e, c): raise ValueError('a\\0' + '\\ud800' * 10**5)"
    )

    assert outcome.kind is Kind.CODE
    assert outcome.error.startswith("ValueError: a␀\\ud800")
    assert_storable(outcome)
