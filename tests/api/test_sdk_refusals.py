"""Every operation, asked for by the official SDK in a project that is not one's own."""

import re

import huaweicloudsdkdis.v2 as dis_sdk
import huaweicloudsdkfunctiongraph.v2 as sdk
import huaweicloudsdksmn.v2 as smn_sdk
import pytest

from console.api.routes import api
from tests.api.conftest import client_for, refused
from tests.support.smallest import BODIES

# Nothing in the SDK asks for these.
OTHERS = {
    "KeystoneCreateUserTokenByPassword",
    "KeystoneListProjects",
    "ListLogGroups",
    "ListLogStreams",
    "ListRuntimeTypes",
    "ListTriggers",
    "ConfirmSubscription",
}
# By tag: the SDK of another service; all else is FunctionGraph's.
SDKS = {
    "dis": (dis_sdk, dis_sdk.DisClient),
    "smn": (smn_sdk, smn_sdk.SmnClient),
}
OPERATIONS = sorted(
    (operation["operationId"], operation["tags"][0])
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
    "timestamp": 0,
    "max_fetch_bytes": 1,
    "limit_partitions": 1,
    "cursor_type": "LATEST",
    "limit": "1",
    "maxitems": "1",
    "marker": "0",
}


@pytest.mark.parametrize(("operation", "tag"), OPERATIONS)
def test_a_project_that_is_not_ones_own_does_not_exist(known, operation, tag):
    package, client = SDKS.get(tag, (sdk, sdk.FunctionGraphClient))
    keys = known["access_key"], known["secret_key"]
    stranger = client_for(known["url"], *keys, "0" * 32, client=client)
    kind = getattr(package, f"{operation}Request")
    values = {name: VALUES.get(name, "x") for name in kind.openapi_types}
    if "body" in values:
        values["body"] = BODIES.get(operation, {})
    call = getattr(stranger, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())

    with refused(404, "FSS.0404") as no:
        call(kind(**values))

    assert "0" * 32 in no.error.error_msg


@pytest.mark.parametrize(("tags", "count"), [({"dis"}, 7), ({"smn"}, 11), (None, 74)])
def test_the_sdks_have_every_operation_but_seven(tags, count):
    assert len([one for one in OPERATIONS if not tags or one[1] in tags]) == count
