"""The record a destination receives (guide, table 2). Pure."""

import json
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import NotRequired, TypedDict

# The most that a kind of target takes, in bytes; others have no limit of their own.
LIMITS = {"SMN": 262_144, "DIS": 1_048_576, "RocketMQ": 4_194_304}


class RequestContext(TypedDict):
    request_id: str
    function_urn: str
    condition: str
    approximate_invoke_count: int


class ResponseContext(TypedDict):
    status_code: int
    function_error: str


class SentRecord(TypedDict):
    """Keys, order and JSON types are those of the guide's sample.

    `payloads_omitted` (see `fit` and `fit_request`) and `probe`, a test notification,
    are ours, and there only when they are true.
    """

    timestamp: str
    request_context: RequestContext
    request_payload: str
    response_context: ResponseContext
    response_payload: str
    payloads_omitted: NotRequired[bool]
    probe: NotRequired[bool]


@dataclass(frozen=True)
class Facts:
    """What a record is made of; payloads are the raw bytes sent and returned."""

    accepted_at: datetime
    request_id: str
    function_urn: str
    condition: str
    attempts: int
    payload: bytes
    status_code: int
    error: str
    result: bytes
    is_payload_omitted: bool = False


def build(facts: Facts, *, zone: tzinfo) -> SentRecord:
    """Build the record; payloads are always strings, times carry `zone`'s offset."""
    record: SentRecord = {
        "timestamp": facts.accepted_at.astimezone(zone).isoformat(
            timespec="milliseconds"
        ),
        "request_context": {
            "request_id": facts.request_id,
            "function_urn": facts.function_urn,
            "condition": facts.condition,
            "approximate_invoke_count": facts.attempts,
        },
        "request_payload": _text(facts.payload),
        "response_context": {
            "status_code": facts.status_code,
            "function_error": facts.error,
        },
        "response_payload": _text(facts.result),
    }
    return {**record, "payloads_omitted": True} if facts.is_payload_omitted else record


def serialise(record: SentRecord) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate has no UTF-8; as an escape it is still valid JSON.
    return text.encode("utf-8", "backslashreplace")


def fit(record: SentRecord, *, kind: str) -> tuple[bytes, bool]:
    """Serialise a record for a kind of target, and say whether it was too large.

    One that is over the kind's limit goes without its payloads, and is marked.
    """
    body = serialise(record)
    if len(body) <= LIMITS.get(kind, len(body)):
        return body, False
    left: SentRecord = {**record, "request_payload": "", "response_payload": ""}
    return serialise({**left, "payloads_omitted": True}), True


def fit_result(result: bytes, *, limit: int) -> tuple[bytes, bool]:
    """Return the result, or nothing when it is over the limit, and whether it was."""
    return (b"", True) if len(result) > limit else (result, False)


def fit_request(payload: bytes, *, limit: int) -> tuple[bytes, bool]:
    """Return what was sent, or nothing when it is over the limit, and whether it was.

    Of what clients may send nothing is. A record that a function is sent can be: it
    holds the one before, with its quotes escaped once more, and so on round a loop.
    """
    return fit_result(payload, limit=limit)


def storable(text: str) -> str:
    """Return the text without what PostgreSQL or UTF-8 refuses."""
    clean = text.replace("\x00", "\N{SYMBOL FOR NULL}")
    return clean.encode("utf-8", "backslashreplace").decode()


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace")
