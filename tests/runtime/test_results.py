"""What handlers return, and what they get."""

import json

import pytest

from functions.runtime import Kind
from tests.runtime.specs import call, make_spec, make_zip_spec, run

RETURN = "def handler(event, context):\n    return {}\n"


@pytest.mark.parametrize(
    ("returned", "body", "content_type"),
    [
        ("None", b"", "text/plain"),
        ("''", b"", "text/plain"),
        ("'h\\u00e9llo'", "héllo".encode(), "text/plain"),
        ("{'a': [1, 2.5, True, None]}", b'{"a": [1, 2.5, true, null]}', None),
        ("'\\u4f60'", "你".encode(), "text/plain"),
        ("{'k': '\\u4f60'}", '{"k": "你"}'.encode(), None),
        ("7", b"7", None),
        ("False", b"false", None),
        ("[]", b"[]", None),
    ],
)
def test_result_is_text_as_it_is_and_json_otherwise(pool, returned, body, content_type):
    outcome = run(pool, RETURN.format(returned))

    assert (outcome.kind, outcome.code, outcome.error) == (Kind.OK, 0, "")
    assert outcome.result == body
    assert outcome.content_type == (content_type or "application/json")


@pytest.mark.parametrize(
    "returned",
    [
        "b'bytes'",
        "object()",
        "float('nan')",
        "{'a': float('inf')}",
        "'\\ud800'",
        "{'\\ud800': 1}",
        "{(1, 2): 3}",
        "event",
        "Evil(a=1)",
    ],
)
def test_result_without_json_is_refused(pool, returned):
    source = """
class Evil(dict):
    def items(self):
        raise SystemExit(3)

def handler(event, context):
    event['self'] = event
    return {}
"""
    outcome = run(pool, source.replace("return {}", f"return {returned}"))

    assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)
    body = json.loads(outcome.result)
    assert body["errorMessage"].startswith("failed to convert the result to a JSON")


def test_deeply_nested_result_is_refused(pool):
    outcome = run(
        pool,
        """
        def handler(event, context):
            deep = []
            for _ in range(200_000):
                deep = [deep]
            return deep
        """,
    )

    assert (outcome.kind, outcome.code) == (Kind.RESULT, 4007)


def test_result_of_the_largest_size_arrives_and_one_byte_more_does_not(pool):
    spec = make_spec("def handler(event, context): return 'x' * event['n']")

    fits = pool.invoke(spec, call(b'{"n": 6291456}'))
    over = pool.invoke(spec, call(b'{"n": 6291457}'))

    assert (fits.kind, len(fits.result)) == (Kind.OK, 6_291_456)
    assert (over.kind, over.code) == (Kind.RESULT, 4004)
    assert "response body size 6291457 exceeds the limit of 6291456" in over.error


def test_event_may_be_large(pool):
    payload = json.dumps({"text": "y" * 6_000_000}).encode()

    outcome = run(pool, "def handler(e, c): return len(e['text'])", payload)

    assert outcome.result == b"6000000"


@pytest.mark.parametrize(
    ("payload", "seen"),
    [(b"", b"{}"), (b"[1]", b"[1]"), (b'"s"', b"s"), (b"null", b"")],
)
def test_event_is_the_parsed_payload(pool, payload, seen):
    assert run(pool, RETURN.format("event"), payload).result == seen


@pytest.mark.parametrize("payload", [b"{", b"\xff\x00", b"[" * 100_000])
def test_event_that_is_not_json_is_an_entry_error(pool, payload):
    outcome = run(pool, RETURN.format("event"), payload)

    assert (outcome.kind, outcome.code) == (Kind.CODE, 4001)
    assert "function entry exception, error: " in outcome.result.decode()


def test_handler_may_lie_in_a_folder(pool):
    files = {
        "src/index.py": "import near, far\ndef handler(e, c): return near.A + far.B",
        "src/near.py": "A = 1",
        "far.py": "B = 2",
    }

    outcome = pool.invoke(make_zip_spec(files, handler="src/index.handler"), call())

    assert outcome.result == b"3"


@pytest.mark.parametrize("name", ["json", "code", "test", "child", "context", "os"])
def test_handler_module_may_be_called_like_anything(pool, name):
    files = {f"{name}.py": "def handler(e, c): return 'mine'"}

    outcome = pool.invoke(make_zip_spec(files, handler=f"{name}.handler"), call())

    assert outcome.result == b"mine"


def test_working_directory_is_one_above_the_code(pool):
    source = """
    import os
    def handler(event, context):
        inside = os.environ["RUNTIME_CODE_ROOT"]
        return [os.path.exists("code/index.py"), os.path.samefile("code", inside)]
    """

    assert run(pool, source).result == b"[true, true]"
