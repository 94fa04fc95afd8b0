"""The record a destination receives."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from asyncconfig.decisions import record
from asyncconfig.decisions.record import Facts

SAMPLE = """
{
    "timestamp": "2020-08-20T12:00:00.000+08:00",
    "request_context": {
        "request_id": "1167bf8c-87b0-43ab-8f5f-26b16c64f252",
        "function_urn": "urn:fss:xx-xxxx-x:xxxxxxx:function:xxxx:xxxx:latest",
        "condition": "",
        "approximate_invoke_count": 0
    },
    "request_payload": "",
    "response_context": {
        "status_code": 200,
        "function_error": ""
    },
    "response_payload": "hello world!"
}
"""


def facts(**fields):
    return Facts(
        **{
            "accepted_at": datetime(2020, 8, 20, 4, tzinfo=UTC),
            "request_id": "1167bf8c-87b0-43ab-8f5f-26b16c64f252",
            "function_urn": "urn:fss:xx-xxxx-x:xxxxxxx:function:xxxx:xxxx:latest",
            "condition": "",
            "attempts": 0,
            "payload": b"",
            "status_code": 200,
            "error": "",
            "result": b"hello world!",
            **fields,
        }
    )


def test_build_equals_the_guides_sample_in_keys_order_and_types():
    built = record.build(facts(), zone=ZoneInfo("Asia/Shanghai"))

    assert json.dumps(built) == json.dumps(json.loads(SAMPLE))


@pytest.mark.parametrize(
    "payload", [b'{"k": "v"}', "中".encode(), b"\x00", b"[1, 2]", b"\xff\xfe"]
)
def test_payloads_are_strings_of_the_raw_text(payload):
    built = record.build(facts(payload=payload, result=payload), zone=UTC)

    text = payload.decode("utf-8", "replace")
    assert json.loads(record.serialise(built))["request_payload"] == text
    assert json.loads(record.serialise(built))["response_payload"] == text


@pytest.mark.parametrize(
    ("size", "kept"), [(0, True), (262_144, True), (262_145, False)]
)
def test_fit_result_drops_what_is_over_the_limit(size, kept):
    result = b"x" * size

    expected = (result, False) if kept else (b"", True)
    assert record.fit_result(result, limit=262_144) == expected
