"""The official SDK on a function's VPC."""

import base64
import os
import subprocess
import sys

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest

from functions.runtime import available_runtimes
from tests.api.conftest import refused
from tests.api.test_sdk_functions import config
from tests.support.installation import ROOT

NOWHERE = "00000000-0000-4000-8000-000000000000"
MAKE = """
from functions import networks
from functions.models import Project
vpc = networks.create_vpc(Project.objects.first(), name="net", cidr="10.9.0.0/16")
subnet = networks.create_subnet(vpc, name="part", cidr="10.9.1.0/24")
print(vpc.vpc_id, subnet.subnet_id)
"""


@pytest.fixture(scope="module")
def network(installation):
    """Return the IDs of a VPC and its subnet."""
    made = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", MAKE],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(installation.data)},
        capture_output=True,
        check=True,
        text=True,
    )
    vpc_id, subnet_id = made.stdout.split()
    return {"vpc_id": vpc_id, "subnet_id": subnet_id}


def change(client, urn, **fields):
    told = {
        "func_name": urn.split(":")[-2],
        "runtime": available_runtimes()[0],
        "timeout": 10,
        "handler": "index.handler",
        "memory_size": 128,
    }
    body = sdk.UpdateFunctionConfigRequestBody(**(told | fields))
    return client.update_function_config(
        sdk.UpdateFunctionConfigRequest(function_urn=urn, body=body)
    )


def test_a_function_is_created_in_a_vpc_and_shown_with_all_of_it(client, make, network):
    urn = make(func_vpc=sdk.FuncVpc(**network, security_groups=["sg-1"]))

    shown = config(client, urn).func_vpc

    assert shown.to_dict() == {
        "domain_id": None,
        "namespace": None,
        "vpc_name": "net",
        "subnet_name": "part",
        "cidr": "10.9.1.0/24",
        "gateway": "10.9.1.1",
        "security_groups": ["sg-1"],
        "is_safety": None,
        **network,
    }


def test_an_empty_vpc_takes_a_function_out_and_none_leaves_it(client, make, network):
    urn = make(func_vpc=sdk.FuncVpc(**network))

    kept = change(client, urn, description="another").func_vpc
    out = change(client, urn, func_vpc=sdk.FuncVpc(vpc_id="", subnet_id=""))

    assert kept.subnet_id == network["subnet_id"]
    assert out.func_vpc is None
    assert config(client, urn).func_vpc is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"vpc_id": NOWHERE}, "FSS.1036"),
        ({"vpc_id": "nonsense"}, "FSS.1036"),
        ({"vpc_id": ""}, "FSS.1036"),
        ({"subnet_id": NOWHERE}, "FSS.1037"),
        ({"subnet_id": ""}, "FSS.1037"),
    ],
)
def test_an_unknown_vpc_or_subnet_is_refused(client, make, network, changed, code):
    urn = make()

    with refused(400, code):
        change(client, urn, func_vpc=sdk.FuncVpc(**(network | changed)))
    with refused(400, code):
        make(func_vpc=sdk.FuncVpc(**(network | changed)))


def test_versions_and_archives_keep_the_vpc(client, make, network):
    urn = make(func_vpc=sdk.FuncVpc(**network))
    body = sdk.CreateFunctionVersionRequestBody(version="v1")
    published = client.create_function_version(
        sdk.CreateFunctionVersionRequest(function_urn=urn, body=body)
    )
    archive = client.export_function(
        sdk.ExportFunctionRequest(function_urn=urn, config=True, code=True)
    )
    imported = client.import_function(
        sdk.ImportFunctionRequest(
            body=sdk.ImportFunctionRequestBody(
                func_name="taken-along",
                file_name="f.zip",
                file_type="zip",
                file_code=base64.b64encode(archive.raw_content).decode(),
            )
        )
    )

    assert published.func_vpc.subnet_id == network["subnet_id"]
    assert imported.func_vpc.subnet_id == network["subnet_id"]
