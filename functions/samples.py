"""Code to start from, and events to test with."""

import json

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from functions.code import DEFAULT_SOURCE

LOG_EVENT = '''\
import json


def handler(event, context):
    """Write the event to the log, as a target of notifications does."""
    print(json.dumps(event, ensure_ascii=False, indent=2))
    return {"received": True}
'''

FAIL_ON_REQUEST = '''\
def handler(event, context):
    """Succeed, or fail when the event asks for it: {"fail": true}."""
    if event.get("fail"):
        raise ValueError("asked to fail")
    return "hello world!"
'''

SOURCES: dict[str, tuple[str | Promise, str]] = {
    "hello": (_("Hello world"), DEFAULT_SOURCE),
    "log-event": (_("Log the event"), LOG_EVENT),
    "fail-on-request": (_("Fail when asked to"), FAIL_ON_REQUEST),
}


def choices() -> list[tuple[str, str | Promise]]:
    return [(key, label) for key, (label, _source) in SOURCES.items()]


def _record(condition: str, error: str, response: str) -> dict[str, object]:
    return {
        "timestamp": "2020-08-20T12:00:00.000+08:00",
        "request_context": {
            "request_id": "1167bf8c-87b0-43ab-8f5f-26b16c64f252",
            "function_urn": "urn:fss:xx-xxxx-x:xxxxxxx:function:xxxx:xxxx:latest",
            "condition": condition,
            "approximate_invoke_count": 1,
        },
        "request_payload": "",
        "response_context": {"status_code": 200, "function_error": error},
        "response_payload": response,
    }


EVENTS: dict[str, tuple[str | Promise, object]] = {
    "blank": (_("Blank template"), {"key": "value"}),
    "timer": (
        _("Timer"),
        {
            "version": "v1.0",
            "time": "2023-06-01T08:30:00+08:00",
            "trigger_type": "TIMER",
            "trigger_name": "Timer_001",
            "user_event": "",
        },
    ),
    "success-record": (
        _("Async success record"),
        _record("", "", "hello world!"),
    ),
    "failure-record": (
        _("Async failure record"),
        _record("UnhandledInvocationError", "ValueError: asked to fail", ""),
    ),
}


def event_choices() -> list[tuple[str, str | Promise]]:
    return [(key, label) for key, (label, _event) in EVENTS.items()]


def event_text(key: str) -> str:
    """Return a template's JSON; the blank one for a key that is not known."""
    _label, event = EVENTS.get(key, EVENTS["blank"])
    return json.dumps(event, ensure_ascii=False, indent=4)
