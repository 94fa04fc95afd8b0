"""What the OpenAPI document promises holds for whatever a client sends.

FUZZ_CASES says how many requests are made in all; CI makes more than a laptop.
"""

import math
import os
import random

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode, checks

from console.api.routes import api
from tests.api.conftest import client_of, maker
from tests.support.installation import Installation

CASES = int(os.environ.get("FUZZ_CASES", "300"))
SEED = 20201
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
# Waits for a run each time, and looks up credentials: a few cases are enough.
SLOW = {"InvokeFunction", "KeystoneCreateUserTokenByPassword"}
MODES = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
DOCUMENT = api.get_openapi_schema()
OPERATIONS = sorted(
    operation["operationId"]
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
)
FEW = 6
SHARE = max(math.ceil((CASES - FEW * len(SLOW)) / (len(OPERATIONS) - len(SLOW))), 2)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """An installation of its own: what is sent here leaves traces everywhere."""
    made = Installation(tmp_path_factory.mktemp("contract") / "data")
    made.start()
    yield made.credentials
    made.stop()


@pytest.fixture(scope="module")
def make(known):
    return maker(client_of(known), known)


@pytest.fixture(scope="module")
def schema(known):
    return schemathesis.openapi.from_url(f"{known['url']}/v2/openapi.json")


@pytest.fixture(scope="module")
def token(known):
    user = {"name": known["username"], "password": known["password"]}
    identity = {"methods": ["password"], "password": {"user": user}}
    answer = requests.post(
        f"{known['url']}/v3/auth/tokens",
        json={"auth": {"identity": identity}},
        timeout=30,
    )
    return answer.headers["X-Subject-Token"]


def make_topic(known, token):
    answer = requests.post(
        f"{known['url']}/v2/{known['project_id']}/notifications/topics",
        json={"name": "fuzzed"},
        headers={"X-Auth-Token": token},
        timeout=30,
    )
    return answer.json()["topic_urn"]


def find(schema, operation_id):
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] == operation_id:
            return operation
    raise AssertionError(operation_id)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_any_request_is_answered_as_documented(
    operation_id, schema, token, known, make
):
    urn = make()
    topic = make_topic(known, token)
    operation = find(schema, operation_id)
    dice = random.Random(SEED)
    share = min(SHARE, FEW) if operation_id in SLOW else SHARE
    fits, does_not = (operation.as_strategy(generation_mode=mode) for mode in MODES)

    @seed(SEED)
    @settings(
        max_examples=share,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=fits | does_not)
    def ask(case):
        # What the path names exists nine times of ten; the rest stays as it came.
        parts = case.path_parameters
        real = {"project_id": known["project_id"], "function_urn": urn}
        real |= {"topic_urn": topic, "subscription_urn": f"{topic}:{'0' * 32}"}
        real |= {"resource_type": "functions", "resource_id": urn, "period": "60"}
        for name in parts:
            if name in real and dice.random() < 0.9:
                parts[name] = real[name]
        headers = dict(case.headers or {}) | {"X-Auth-Token": token}
        answer = case.call(headers=headers, timeout=60)
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_the_document_is_of_openapi_3_1_and_lists_every_operation(known):
    document = requests.get(f"{known['url']}/v2/openapi.json", timeout=30).json()

    assert document["openapi"].startswith("3.1")
    assert len(OPERATIONS) == len(set(OPERATIONS)) == 81
    assert "AsyncInvokeFunction" in OPERATIONS
    assert set(document["components"]["securitySchemes"]) == {"token", "signature"}
