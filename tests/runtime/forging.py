"""User code that answers in the runtime's name, and what may come of it."""

import base64
import json
import math

from functions.runtime import Kind
from functions.runtime.bootstrap.protocol import pack
from functions.runtime.spec import MAX_RESPONSE_BYTES
from tests.runtime.specs import call, make_spec

# Writes bytes into its own channel at the asked moment, then ends.
FORGER = """
import base64, os, socket, stat, time

def forge(answer):
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            is_channel = fd > 2 and stat.S_ISSOCK(os.fstat(fd).st_mode)
        except OSError:
            continue
        if is_channel:
            socket.socket(fileno=os.dup(fd)).sendall(base64.b64decode(answer))
            os._exit(3)

def initializer(context):
    forge(os.environ["ANSWER"])

def handler(event, context):
    forge(event)

if os.environ.get("AT") == "load":
    forge(os.environ["ANSWER"])
"""
HONEST = {"kind": "ok", "code": 0, "content_type": "text/plain", "error": ""}
# What a run may come to by what its code says or does.
OWN_KINDS = {
    "load": {Kind.LOAD, Kind.DISK, Kind.RESULT},
    "initialize": {Kind.INIT, Kind.DISK, Kind.RESULT},
    "invoke": {Kind.OK, Kind.CODE, Kind.DISK, Kind.RESULT},
}


def header(**changes):
    """Return the header of an honest answer, with changes."""
    return HONEST | changes


def forged(pool, answer, *, at="invoke"):
    """Run a function that gives that answer (bytes) in one of its phases."""
    text = base64.b64encode(answer).decode()
    if at == "invoke":
        return pool.invoke(make_spec(FORGER), call(json.dumps(text).encode()))
    spec = make_spec(
        FORGER,
        user_data={"AT": at, "ANSWER": text},
        initializer_handler="index.initializer" if at == "initialize" else "",
    )
    return pool.invoke(spec, call())


def forged_header(pool, *, at="invoke", body=b"{}", **changes):
    return forged(pool, pack(header(**changes), body), at=at)


def assert_storable(outcome, *, at="invoke"):
    """Check that any database takes it, and that it is the code's own affair."""
    assert outcome.kind in OWN_KINDS[at]
    assert outcome.started
    assert type(outcome.code) is int
    assert 0 <= outcome.code < 2**31
    assert outcome.content_type in ("text/plain", "application/json")
    assert len(outcome.error) <= 16 * 1024
    assert b"\0" not in outcome.error.encode()
    assert len(outcome.result) <= MAX_RESPONSE_BYTES + 256 * 1024
    for figure in (outcome.duration_ms, outcome.init_ms, outcome.memory_mb):
        assert type(figure) is float
        assert math.isfinite(figure)
        assert figure >= 0
