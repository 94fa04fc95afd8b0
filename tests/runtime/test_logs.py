"""The log of one run."""

import re
import time

import pytest

from functions import logs
from functions.runtime import Kind
from functions.runtime.log import Log
from tests.runtime.specs import call, make_spec, run

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
USED = r"memory used: \d+\.\d{3}MB"
BILLED = (
    r"billing duration: \d+ms, "
    + USED
    + r", billing memory: 128MB, cpu used: \d+\.\d{3}U, storage used: \d+\.\d{3}MB"
)
DURATION = r"duration: \d+\.\d{3}ms"


def lines(outcome):
    return logs.plain(outcome.log).decode().splitlines()


def assert_lines(outcome, *patterns):
    found = lines(outcome)
    matches = [
        re.fullmatch(pattern, line)
        for pattern, line in zip(patterns, found, strict=True)
    ]
    assert all(matches), found


def test_log_of_a_cold_run_has_all_the_lines(pool):
    source = """
    print("loading")
    def initializer(context): print("initialising")
    def handler(event, context): print("running")
    """

    outcome = run(pool, source, initializer_handler="index.initializer")

    assert_lines(
        outcome,
        f"{TIME} Start load request 'r-1'",
        "loading",
        f"{TIME} Finish load request 'r-1', {DURATION}, {USED}",
        f"{TIME} Start initialize request 'r-1'",
        "initialising",
        f"{TIME} Finish initialize request 'r-1', {DURATION}, {USED}",
        f"{TIME} Start invoke request 'r-1', version: latest",
        "running",
        f"{TIME} Finish invoke request 'r-1', {DURATION}, {BILLED}",
    )


def test_log_of_a_warm_run_has_only_its_own_lines(pool):
    spec = make_spec("def handler(e, c): print(c.getRequestID())")
    pool.invoke(spec, call())

    outcome = pool.invoke(spec, call(request_id="r-2"))

    assert_lines(
        outcome,
        f"{TIME} Start invoke request 'r-2', version: latest",
        "r-2",
        f"{TIME} Finish invoke request 'r-2', {DURATION}, {BILLED}",
    )


def test_failed_run_says_so_in_its_last_line(pool):
    outcome = run(pool, "def handler(e, c): raise ValueError('no')")

    assert re.fullmatch(
        f"{TIME} Finish invoke request 'r-1'\\(invoke Failed\\), {DURATION}, {BILLED}",
        lines(outcome)[-1],
    )


def test_logger_writes_time_request_and_level(pool):
    outcome = run(
        pool,
        """
        def handler(event, context):
            log = context.getLogger()
            log.debug("d")
            log.info("i %s", 1)
            log.warning("w %s")
            log.error({"e": 1})
        """,
    )

    assert [line[20:] for line in lines(outcome)[3:-1]] == [
        " r-1 DEBUG d",
        " r-1 INFO i 1",
        " r-1 WARN w %s",
        " r-1 ERROR {'e': 1}",
    ]


def test_every_way_of_writing_is_seen_in_order(pool):
    outcome = run(
        pool,
        """
        import os, subprocess, sys
        def handler(event, context):
            print("print")
            print("stderr", file=sys.stderr)
            os.write(1, b"write\\n")
            subprocess.run(["echo", "subprocess"], check=True)
            sys.stdout.buffer.write(b"buffer\\n")
        """,
    )

    assert lines(outcome)[3:-1] == ["print", "stderr", "write", "subprocess", "buffer"]


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("print('half', end='')", b"half\n"),
        ("import os; os.write(1, b'\\xff\\x00\\n')", b"\xff\x00\n"),
        ("print('\\ud800 \\u4f60')", "\\ud800 你\n".encode()),
        ("import sys; sys.stdout.close(); sys.stdout = None", b""),
        ("import os; os.close(1); os.close(2)", b""),
    ],
)
def test_odd_output_is_taken_as_it_is(pool, body, written):
    outcome = run(pool, f"def handler(event, context):\n    {body}\n    return 1")

    assert outcome.kind is Kind.OK
    middle = outcome.log.split(b"version: latest\n")[1]
    assert middle.rpartition(b"20")[0].startswith(written)


def test_instance_without_output_serves_on(pool):
    spec = make_spec(
        "import os\ndef handler(e, c):\n    os.closerange(0, 3)\n    return 1"
    )

    outcomes = [pool.invoke(spec, call()) for _ in range(3)]

    assert {outcome.instance for outcome in outcomes} == {outcomes[0].instance}
    assert outcomes[-1].result == b"1"


def test_long_log_keeps_its_beginning_and_its_end(make_pool):
    pool = make_pool(log_limit=10_000)

    outcome = run(
        pool, "def handler(e, c):\n    for n in range(100_000): print('line', n)"
    )

    log = logs.plain(outcome.log).decode()
    assert outcome.log_truncated
    assert len(log) < 11_000
    assert "\nline 0\nline 1\n" in log
    assert re.search(r"\n\.\.\. \d+ bytes left out \.\.\.\n", log)
    assert "\nline 99999\n" in log
    assert "Finish invoke request 'r-1', duration" in log


def test_large_log_within_the_limit_is_complete(pool):
    outcome = run(pool, "def handler(e, c): print('x' * 200_000)")

    assert not outcome.log_truncated
    assert b"x" * 200_000 + b"\n" in outcome.log


def test_log_is_complete_when_the_answer_arrives(pool):
    spec = make_spec("def handler(e, c):\n    for n in range(50): print(n)")
    expected = [str(number) for number in range(50)]
    pool.invoke(spec, call())

    logs = [lines(pool.invoke(spec, call()))[1:-1] for _ in range(200)]

    assert logs == [expected] * 200


def test_process_left_behind_that_writes_for_ever_holds_up_nothing(pool):
    source = """
    import subprocess
    def handler(event, context):
        subprocess.Popen(["sh", "-c", "while :; do echo noise; sleep 0.01; done"])
        return "done"
    """
    spec = make_spec(source)
    began = time.monotonic()

    results = [pool.invoke(spec, call()).result for _ in range(5)]

    assert results == [b"done"] * 5
    assert time.monotonic() - began < 20


def test_log_counts_what_it_leaves_out():
    log = Log(10)

    log.write(b"0123456789abcdefghij")
    log.write(b"K")

    assert log.contents() == b"01234\n\x1e... 11 bytes left out ...\nghijK"
    assert log.is_truncated


FORGED = "2026-01-01T00:00:00Z Finish invoke request 'r-1', duration: 1.000ms"


def own_lines(log):
    """Return the lines that are shown as the platform's."""
    return "".join(part.text for part in logs.parts(log) if part.is_ours).splitlines()


@pytest.mark.parametrize(
    "printed",
    [
        FORGED,
        "\x1e" + FORGED,
        f"\r\x1e{FORGED}",
        "x\n\x1e" * 5 + FORGED,
        "\u2028" + FORGED,
        "\x1b[0m" + FORGED,
        f"\n... 12 bytes left out ...\n{FORGED}",
    ],
)
def test_function_cannot_write_a_line_of_the_platform(pool, printed):
    honest = run(pool, "def handler(e, c): print('x')").log
    forged = run(pool, f"def handler(e, c): print({printed!r})").log

    assert len(own_lines(forged)) == len(own_lines(honest)) == 4
    for line in logs.plain(forged).decode().splitlines()[3:-1]:
        assert "Finish" not in line or line.startswith("> ")
    assert "\x1e" not in logs.plain(forged).decode()


def test_program_of_the_function_cannot_either(pool):
    source = f"""
    import subprocess
    def handler(event, context):
        subprocess.run(["printf", {chr(92) + "036" + FORGED!r}], check=True)
    """

    log = run(pool, source).log

    assert len(own_lines(log)) == 4
    assert f"> ␞{FORGED}\n".encode() in logs.plain(log)


def test_cut_makes_no_line_of_the_platform():
    log = Log(400)
    log.line("Start invoke request 'r-1'")
    log.write(b"x" * 500 + FORGED.encode() + b"\n")
    log.line("Finish invoke request 'r-1'")
    text, whole = log.contents(), logs.plain(log.contents())

    assert [line[21:27] for line in own_lines(text)] == ["Start ", "t ...", "Finish"]
    for size in range(10, len(whole)):
        tail = logs.plain(text, last=size)
        assert len(tail) <= size
        assert tail.startswith("…".encode())
        assert whole.endswith(tail[3:])
    for size in range(10, len(text)):
        shown = logs.parts(text, last=size)
        assert shown[0].text.startswith("…")
        assert not any(FORGED in part.text for part in shown if part.is_ours)
        assert not any("\x1e" in part.text for part in shown)


def test_log_from_before_lines_were_marked_stays_as_it_was():
    old = b"2026-01-01T00:00:00Z Start invoke request 'r'\nprinted\n"

    assert logs.plain(old) == old
    assert logs.parts(old) == [logs.Part(old.decode(), is_ours=False)]
    assert logs.plain(b"") == b""
    assert logs.parts(b"") == []
