"""Loading and initialising, and how they fail."""

import json

import pytest

from functions.runtime import Kind
from tests.runtime.specs import call, make_spec, make_zip_spec, run

FINE = "def handler(event, context): return 'ran'\n"


@pytest.mark.parametrize(
    ("source", "changes", "error_type", "message"),
    [
        (
            "def handler(e, c):\n    return (\n",
            {},
            "SyntaxError",
            "Syntax error in module 'index'('(' was never closed (index.py, line 2))",
        ),
        (
            "x = 1\n y = 2\n",
            {},
            "SyntaxError",
            "Syntax error in module 'index'(unexpected indent (index.py, line 2))",
        ),
        (
            FINE,
            {"handler": "other.handler"},
            "FunctionLoadError",
            "function entry exception, error: "
            "module 'other' not found: No module named 'other'",
        ),
        (
            FINE,
            {"handler": "index.nothing"},
            "FunctionConfigError",
            "function entry exception, error: "
            "handler 'nothing' not found in module 'index': "
            "module 'index' has no attribute 'nothing'",
        ),
        (
            FINE,
            {"handler": "../index.handler"},
            "FunctionConfigError",
            "function entry exception, error: "
            "handler '../index.handler' is not of the form file.function",
        ),
        (
            "handler = 5",
            {},
            "FunctionConfigError",
            "function entry exception, error: "
            "handler 'handler' not found in module 'index': "
            "'int' object is not callable",
        ),
        (
            "import nothing_of_that_name",
            {},
            "ModuleNotFoundError",
            "function entry exception, error: No module named 'nothing_of_that_name'",
        ),
        (
            "raise KeyError('k')",
            {},
            "KeyError",
            "function entry exception, error: 'k'",
        ),
    ],
)
def test_code_that_does_not_load_is_an_entry_error(
    pool, source, changes, error_type, message
):
    outcome = run(pool, source, **changes)

    assert (outcome.kind, outcome.code) == (Kind.LOAD, 4001)
    body = json.loads(outcome.result)
    assert (body["errorType"], body["errorMessage"]) == (error_type, message)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import sys; sys.exit(2)", "SystemExit: the code called sys.exit(2)"),
        ("import os; os._exit(2)", "ProcessExited: the process exited with status 2"),
        ("a = '\\0'\n\0", "ValueError: source code string cannot contain null bytes"),
    ],
)
def test_module_that_ends_the_process_is_a_load_error(pool, source, error):
    outcome = run(pool, source)

    assert outcome.kind is Kind.LOAD
    assert error in outcome.error or "null byte" in outcome.error


@pytest.mark.parametrize(
    "names", [["demo/index.py", "demo/lib.py"], ["demo/index/__init__.py"]]
)
def test_code_in_one_folder_is_said_to_be_there(pool, names):
    outcome = pool.invoke(make_zip_spec(dict.fromkeys(names, FINE)), call())

    assert outcome.kind is Kind.LOAD
    assert "the code is in folder 'demo': pack its contents" in outcome.error


def test_a_module_with_a_syntax_error_that_is_imported_is_named(pool):
    files = {"index.py": "import helper\n" + FINE, "helper.py": "def (:\n"}
    outcome = pool.invoke(make_zip_spec(files), call())

    body = json.loads(outcome.result)
    assert body["errorType"] == "SyntaxError"
    assert body["errorMessage"].startswith("Syntax error in module 'index'(")
    assert "helper.py, line 1" in body["errorMessage"]


def test_code_that_does_not_load_is_loaded_anew_each_time(pool):
    spec = make_spec("raise ValueError")

    first, second = pool.invoke(spec, call()), pool.invoke(spec, call())

    assert first.instance != second.instance


def test_module_that_loads_for_ever_is_stopped(make_pool):
    outcome = run(make_pool(load_seconds=0.3), "while True: pass")

    assert (outcome.kind, outcome.code) == (Kind.LOAD, 4211)


INITIALISED = """
state = []
def initializer(context):
    print("initialising", context.getFunctionName())
    {}
def handler(event, context):
    return state
"""


def test_initializer_runs_once_before_the_first_call(pool):
    spec = make_spec(
        INITIALISED.format("state.append(1)"), initializer_handler="index.initializer"
    )

    results = [pool.invoke(spec, call()).result for _ in range(3)]

    assert results == [b"[1]"] * 3


@pytest.mark.parametrize(
    ("body", "handler", "error"),
    [
        ("raise ValueError('no')", "index.initializer", "ValueError: no"),
        ("import sys; sys.exit()", "index.initializer", "SystemExit: "),
        ("import os; os._exit(4)", "index.initializer", "ProcessExited: "),
        ("pass", "index.nothing", "FunctionConfigError: handler 'nothing' not found"),
    ],
)
def test_initializer_that_fails_fails_the_call(pool, body, handler, error):
    outcome = run(pool, INITIALISED.format(body), initializer_handler=handler)

    assert (outcome.kind, outcome.code) == (Kind.INIT, 4009)
    assert outcome.error.startswith(error)


def test_initializer_that_takes_too_long_is_stopped(pool):
    outcome = run(
        pool,
        INITIALISED.format("import time; time.sleep(60)"),
        initializer_handler="index.initializer",
        initializer_timeout=0.3,
    )

    assert (outcome.kind, outcome.code) == (Kind.INIT, 4211)
    assert outcome.error.endswith("function initialization timeout 0.3s")


def test_runtime_that_is_not_here_is_a_system_error(pool):
    outcome = run(pool, FINE, runtime="Java8")

    assert (outcome.kind, outcome.code) == (Kind.SYSTEM, 330404)
    assert outcome.error.startswith("The runtime Java8 is not available")
    assert not outcome.started
