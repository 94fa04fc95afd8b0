"""The SDKs for Python and for Node.js take the same walk through a function's life."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException

from functions.runtime import available_runtimes
from tests.api.conftest import ECHO, encoded

HERE = Path(__file__).parent
STEPS = json.loads((HERE / "walk.json").read_text())
SECONDS = 120


def known_of(known, name):
    urn = f"urn:fss:{known['region']}:{known['project_id']}:function:default:{name}"
    return {
        "name": name,
        "function": urn,
        "project_id": known["project_id"],
        "runtime": available_runtimes()[0],
        "agency": known["agency"],
        "code": encoded(ECHO),
    }


def filled(value, known):
    """Put what is known into {places}."""
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda at: str(known.get(at[1], at[0])), value)
    if isinstance(value, list):
        return [filled(one, known) for one in value]
    if isinstance(value, dict):
        return {name: filled(one, known) for name, one in value.items()}
    return value


def taken_in_python(client, step, known):
    """Take one step; return what came back as the SDK read it."""
    request = getattr(sdk, f"{step['call']}Request")
    told = filled(step.get("with", {}), known)
    if "body" in step:
        kind = request.openapi_types["body"]
        model = dict if kind.startswith("dict(") else getattr(sdk, kind)
        told["body"] = model(**filled(step["body"], known))
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", step["call"]).lower()
    try:
        answer = getattr(client, method)(request(**told))
    except ServiceResponseException as error:
        return {"refused": [error.status_code, error.error_code]}
    read = answer.to_json_object()
    for name, path in step.get("keep", {}).items():
        known[name] = read[path]
    return {"answer": read}


def at(answer, path):
    for name in filter(None, path.split(".")):
        answer = answer[name]
    return answer


def check(step, came, known):
    """Compare what came back with what the step expects."""
    assert came.get("refused") == step.get("refused"), (step, came)
    for path, wanted in filled(step.get("expect", {}), known).items():
        assert at(came["answer"], path) == wanted, (step, came)
    for path, count in step.get("counts", {}).items():
        assert len(at(came["answer"], path)) == count, (step, came)
    for name, path in step.get("keep", {}).items():
        known[name] = at(came["answer"], path)


def test_the_sdk_for_python_walks(client, known):
    told = known_of(known, "walked-in-python")

    for step in STEPS:
        check(step, taken_in_python(client, step, told), told)


def test_the_sdk_for_nodejs_walks(known):
    node = shutil.which("node")
    is_there = node and (HERE / "node/node_modules").exists()
    if not is_there and "NODE_SDK_REQUIRED" not in os.environ:
        pytest.skip("Install Node.js and run: npm ci --prefix tests/api/node")
    told = known_of(known, "walked-in-node")
    keys = {name: known[name] for name in ("url", "access_key", "secret_key")}

    done = subprocess.run(
        [node, HERE / "node/walk.js"],
        input=json.dumps(keys | {"known": told, "steps": STEPS}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == len(STEPS)
    for step, came in zip(STEPS, answers, strict=True):
        check(step, came, told)
