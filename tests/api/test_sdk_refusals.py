"""Every operation, asked for by the official SDK in a project that is not one's own."""

import re

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest

from console.api.routes import api
from tests.api.conftest import client_for, refused

# Nothing in the SDK asks for these.
OTHERS = {
    "KeystoneCreateUserTokenByPassword",
    "KeystoneListProjects",
    "ListRuntimeTypes",
}
OPERATIONS = sorted(
    operation["operationId"]
    for methods in api.get_openapi_schema()["paths"].values()
    for operation in methods.values()
    if operation["operationId"] not in OTHERS
)
VALUES = {
    "resource_type": "functions",
    "filter": "monitor_data",
    "config": True,
    "code": True,
    "period": "60",
    "limit": "1",
    "maxitems": "1",
    "marker": "0",
}
BODIES = {
    "CancelAsyncInvocation": {"request_id": "x"},
    "CreateEvent": {"name": "x", "content": "e30="},
    "CreateFunction": {"func_name": "x", "runtime": "x"},
    "CreateVersionAlias": {"name": "x", "version": "x"},
    "ImportFunction": {
        "func_name": "x",
        "file_name": "x",
        "file_type": "zip",
        "file_code": "",
    },
    "UpdateEvent": {"content": "e30="},
    "UpdateFunctionCode": {"code_type": "inline", "func_code": {}},
    "UpdateFunctionMaxInstanceConfig": {"max_instance_num": 1},
    "UpdateVersionAlias": {"version": "x"},
}


@pytest.fixture(scope="module")
def stranger(known):
    return client_for(known["url"], known["access_key"], known["secret_key"], "0" * 32)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_project_that_is_not_ones_own_does_not_exist(stranger, operation):
    kind = getattr(sdk, f"{operation}Request")
    values = {name: VALUES.get(name, "x") for name in kind.openapi_types}
    if "body" in values:
        values["body"] = BODIES.get(operation, {})
    call = getattr(stranger, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())

    with refused(404, "FSS.0404") as no:
        call(kind(**values))

    assert "0" * 32 in no.error.error_msg


def test_the_sdk_has_every_operation_but_three():
    assert len(OPERATIONS) == 45
