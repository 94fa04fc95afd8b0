"""What goes wrong in user code is an Outcome."""

import json

import pytest

from functions.runtime import Kind
from functions.runtime.bootstrap.protocol import pack
from tests.runtime.specs import (
    call,
    make_spec,
    only_instance_of,
    run,
    scratch_of,
    wait_until,
)

AGAIN = "def handler(event, context):\n    {}\n"


def test_exception_becomes_the_error_json(pool):
    outcome = run(
        pool,
        """
        def handler(event, context):
            helper()

        def helper():
            raise ValueError("no \u4f60")
        """,
    )

    assert (outcome.kind, outcome.code) == (Kind.CODE, 4002)
    assert outcome.error == "ValueError: no 你"
    assert json.loads(outcome.result) == {
        "errorMessage": "function invocation exception, error: no 你",
        "errorType": "ValueError",
        "stackTrace": [
            'File "index.py", line 3, in handler\n    helper()',
            'File "index.py", line 6, in helper\n    raise ValueError("no 你")',
        ],
    }
    assert outcome.result.startswith(b'{\n  "errorMessage"')


def test_traceback_is_in_the_log_without_frames_of_the_platform(pool):
    log = run(pool, AGAIN.format("1 / 0")).log.decode()

    assert 'Traceback (most recent call last):\n  File "index.py", line 2' in log
    assert "ZeroDivisionError: division by zero" in log
    assert "child.py" not in log


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("import sys; sys.exit()", "SystemExit: the code called sys.exit()"),
        ("import sys; sys.exit(3)", "SystemExit: the code called sys.exit(3)"),
        ("exit(1)", "SystemExit: the code called sys.exit(1)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("raise GeneratorExit('g')", "GeneratorExit: g"),
        ("raise BaseException('b')", "BaseException: b"),
        ("raise ValueError('\\ud800')", "ValueError: \\ud800"),
        ("raise ExceptionGroup('g', [OSError(1)])", "ExceptionGroup: g (1 sub-except"),
        ("handler(event, context)", "RecursionError: maximum recursion depth"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        ("raise ValueError('x' * 10**7)", "ValueError: xxxx"),
    ],
)
def test_whatever_is_raised_is_a_user_error(pool, body, error):
    outcome = run(pool, AGAIN.format(body))

    assert (outcome.kind, outcome.code) == (Kind.CODE, 4002)
    assert outcome.error.startswith(error)
    assert len(outcome.result) < 200_000


def test_exception_that_cannot_be_printed_is_a_user_error(pool):
    outcome = run(
        pool,
        """
        class Evil(Exception):
            def __str__(self):
                raise SystemExit
            __repr__ = __str__

        def handler(event, context):
            raise Evil
        """,
    )

    assert outcome.kind is Kind.CODE
    assert outcome.error == "Evil: the exception has no readable message"


def test_stack_of_a_recursion_is_shortened(pool):
    outcome = run(pool, AGAIN.format("handler(event, context)"))

    trace = json.loads(outcome.result)["stackTrace"]
    assert len(trace) == 51
    assert "frames left out" in trace[10]


def test_instance_stays_warm_after_a_user_error(pool):
    spec = make_spec(AGAIN.format("raise ValueError"))

    first, second = pool.invoke(spec, call()), pool.invoke(spec, call())

    assert (second.instance, second.cold) == (first.instance, False)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("import os; os._exit(7)", "the process exited with status 7"),
        ("import os; os.abort()", "the process was ended by signal SIGABRT"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "the process was ended by signal SIGSEGV",
        ),
        (
            "import os; os.closerange(3, 1024); import time; time.sleep(60)",
            "the code closed the connection to its runtime",
        ),
    ],
)
def test_process_that_ends_itself_is_a_user_error(unconfined, body, error):
    pool = unconfined
    spec = make_spec(AGAIN.format(body), timeout=5)

    first, second = pool.invoke(spec, call()), pool.invoke(spec, call())

    assert first.error == f"ProcessExited: {error}"
    assert (first.kind, first.code) == (Kind.CODE, 4002)
    assert second.instance != first.instance


def test_output_before_a_crash_is_in_the_log(pool):
    outcome = run(pool, AGAIN.format("print('last words'); import os; os._exit(1)"))

    assert b"\nlast words\n" in outcome.log


def test_too_much_memory_is_said_so_and_ends_the_instance(pool):
    spec = make_spec(
        """
        kept = []
        def handler(event, context):
            while event:
                kept.append(bytearray(8 * 1024 * 1024))
            return "small"
        """
    )

    outcome = pool.invoke(spec, call(b'{"x": 1}'))
    after = pool.invoke(spec, call(b""))

    assert (outcome.kind, outcome.code) == (Kind.MEMORY, 4205)
    assert outcome.error == "MemoryError: runtime memory limit exceeded"
    assert (after.result, after.instance != outcome.instance) == (b"small", True)


def test_full_disk_is_said_so(pool):
    outcome = run(pool, AGAIN.format("import errno; raise OSError(errno.ENOSPC, 'x')"))

    assert (outcome.kind, outcome.code) == (Kind.DISK, 4204)


def test_file_may_not_grow_for_ever(pool):
    source = """
    def handler(event, context):
        with open("tmp/big", "wb") as file:
            file.truncate(600 * 1024 * 1024)
    """

    assert run(pool, source).kind is Kind.DISK


def test_copy_forked_by_user_code_answers_nothing(pool):
    spec = make_spec(
        """
        import os
        def handler(event, context):
            child = os.fork()
            if child == 0:
                return "copy"
            os.waitpid(child, 0)
            return "original"
        """
    )

    assert [pool.invoke(spec, call()).result for _ in range(3)] == [b"original"] * 3


def test_forged_answer_of_a_thread_ends_the_instance(pool):
    spec = make_spec(
        """
        import os, socket, threading, time
        def handler(event, context):
            for fd in map(int, os.listdir("/proc/self/fd")):
                if fd > 2:
                    try:
                        os.write(fd, b"\\xff" * 64)
                    except OSError:
                        pass
            return 1
        """
    )

    outcome = pool.invoke(spec, call())

    assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)
    assert pool.invoke(spec, call()).instance != outcome.instance


def test_answer_that_was_not_asked_for_is_never_taken_for_one(pool):
    spec = make_spec(
        """
        import contextlib, os, threading, time

        def forge(answer, mark):
            time.sleep(0.5)
            for fd in map(int, os.listdir("/proc/self/fd")):
                with contextlib.suppress(OSError):
                    os.write(fd, answer)
            open(os.path.join(os.environ["TMPDIR"], mark), "w").close()

        def handler(event, context):
            if event:
                answer, mark = event
                threading.Thread(target=forge, args=(answer.encode(), mark)).start()
            return "true"
        """
    )
    header = {"kind": "ok", "code": 0, "content_type": "", "error": ""}
    forged = pack({**header, "memory_mb": 1, "cpu_seconds": 0}, b"forged").decode()
    first = pool.invoke(spec, call(json.dumps([forged, "mark"]).encode()))
    mark = scratch_of(pool, only_instance_of(pool)) / "mark"
    wait_until(mark.exists)

    second = pool.invoke(spec, call(b""))

    assert (first.result, second.result) == (b"true", b"true")
    assert second.instance != first.instance
