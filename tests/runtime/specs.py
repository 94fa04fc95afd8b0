"""Specs to run in the tests, and a look at the processes that run them."""

import hashlib
import io
import os
import textwrap
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from functions.runtime import Call, Spec, available_runtimes

PATIENCE = 30.0

BASE = Spec(
    key="",
    project_id="0123456789abcdef",
    function="test1",
    package="default",
    version="latest",
    runtime=available_runtimes()[0],
    handler="index.handler",
    timeout=10,
    memory_mb=128,
    code_digest="",
    code=b"",
)


def make_spec(source, **changes):
    """Return a spec of that inline source, with a key of its own."""
    return _with_code(textwrap.dedent(source).encode(), **changes)


def make_zip_spec(files, **changes):
    """Return a spec of an archive; names may be anything, ZipInfo too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return _with_code(buffer.getvalue(), **{"code_type": "zip"} | changes)


def _with_code(code, **changes):
    digest = hashlib.sha256(code).hexdigest()
    settings = repr(sorted(changes.items()))
    key = hashlib.sha256((digest + settings).encode()).hexdigest()
    return replace(BASE, **{"key": key, "code": code, "code_digest": digest} | changes)


def call(payload=b"{}", request_id="r-1", **more):
    return Call(request_id=request_id, payload=payload, **more)


def run(pool, source, payload=b"{}", **changes):
    """Run a source once."""
    return pool.invoke(make_spec(source, **changes), call(payload))


def wait_until(condition):
    """Wait for something to become true, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


def is_running(pid):
    """Say whether a process exists and is more than a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def instances_of(pool):
    """Return a pool's instances; their numbers are the host's, unlike what they say."""
    return [item.instance for item in pool._idle] + [
        run.instance for run in pool._runs if run.instance
    ]


def only_instance_of(pool):
    """Return the only instance that a pool keeps warm."""
    (instance,) = wait_until(lambda: instances_of(pool))
    return instance


def scratch_of(pool, instance):
    """Return where an instance's temporary files are found from outside."""
    if pool.isolation.level >= 2:
        return Path(f"/proc/{instance.pid}/root/tmp")
    return instance._cell.scratch


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# Processes of other tests' making, a browser for one, that were there before.
strangers = set()


def descendants(pid=None):
    """Return the running processes below one, this one if none is given."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = parent_of(entry)
            except OSError:
                continue
    found, waiting = set(), [pid or os.getpid()]
    while waiting:
        parent = waiting.pop()
        below = {child for child, up in parents.items() if up == parent} - found
        found |= below
        waiting += below
    return {child for child in found - strangers if is_running(child)}
