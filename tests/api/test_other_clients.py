"""What three public clients send in a function's life, in their order and spelling.

They are an extension of OpenStack's SDK, a script around the cloud's command line,
and a plugin of the Serverless Framework.
"""

import base64
import io
import itertools
import json
import zipfile

import pytest
import requests

from functions.runtime import available_runtimes
from tests.api.conftest import ECHO, encoded
from tests.support.wire import Wire

_numbers = itertools.count(1)
SECONDS = 60


@pytest.fixture
def name():
    return f"client{next(_numbers)}"


@pytest.fixture
def urn(known, name):
    return f"urn:fss:{known['region']}:{known['project_id']}:function:default:{name}"


def zipped(source):
    """Pack as `zip -r` does in a folder: with its entries, and the name it is given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lib/", "")
        archive.writestr("lib/extra.py", "x = 1\n")
        archive.writestr("index.py", source)
    return base64.b64encode(buffer.getvalue()).decode()


def read(answer, status=200):
    assert answer.status_code == status, (answer.request.url, answer.text)
    return answer.json() if answer.content else None


class Openstack:
    """Sends what OpenStack's SDK does: with a token, to an endpoint it was told."""

    def __init__(self, known):
        self._known = known
        user = {
            "name": known["username"],
            "password": known["password"],
            "domain": {"name": "default"},
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": known["project_id"]}}
        answer = requests.post(
            f"{known['url']}/v3/auth/tokens",
            json={"auth": {"identity": identity, "scope": scope}},
            timeout=SECONDS,
        )
        read(answer, 201)
        self._headers = {
            "X-Auth-Token": answer.headers["X-Subject-Token"],
            "Accept": "application/json",
            "User-Agent": "openstacksdk/4.0 keystoneauth1/5.6",
        }

    def ask(self, method, path, body=None):
        url = f"{self._known['url']}/v2/{self._known['project_id']}{path}"
        return requests.request(
            method, url, json=body, headers=self._headers, timeout=SECONDS
        )


def test_the_openstack_extension_reaches_everything(known, name, urn):
    cloud = Openstack(known)
    path = f"/fgs/functions/{urn}"
    made = read(
        cloud.ask(
            "POST",
            "/fgs/functions",
            {
                "func_name": name,
                "package": "default",
                "runtime": available_runtimes()[0],
                "handler": "index.handler",
                "timeout": 30,
                "memory_size": 128,
                "code_type": "inline",
                "func_code": {"file": encoded(ECHO), "link": ""},
                "func_vpc": {"security_groups": None},
            },
        )
    )
    assert made["func_urn"] == f"{urn}:latest"

    config = {
        "handler": "index.handler",
        "memory_size": 768,
        "runtime": made["runtime"],
        "timeout": 40,
    }
    assert read(cloud.ask("PUT", f"{path}/config", config))["memory_size"] == 768
    limited = cloud.ask("PUT", f"{path}/config-max-instance", {"max_instance_num": 300})
    assert read(limited)["strategy_config"]["concurrency"] == 300
    code = {"code_type": "inline", "func_code": {"file": encoded(ECHO)}}
    read(cloud.ask("PUT", f"{path}/code", code))
    assert cloud.ask("PUT", f"{path}/collect/true").status_code == 200
    tags = {"tags": [{"key": "a", "value": "b"}]}
    read(cloud.ask("POST", f"/functions/{urn}/tags/create", tags), 204)
    assert read(cloud.ask("GET", "/functions/tags"))["tags"]
    read(cloud.ask("DELETE", f"/functions/{urn}/tags/delete", tags), 204)
    read(cloud.ask("POST", f"{path}/versions", {"version": "v1"}))
    read(cloud.ask("POST", f"{path}/aliases", {"name": "a1", "version": "v1"}))
    changed = {"version": "v1", "description": "new"}
    assert read(cloud.ask("PUT", f"{path}/aliases/a1", changed))["name"] == "a1"
    wanted = {"max_async_event_age_in_seconds": 1000, "max_async_retry_attempts": 3}
    read(cloud.ask("PUT", f"{path}/async-invoke-config", wanted))
    accepted = read(cloud.ask("POST", f"{path}/invocations-async", {"k": "v"}), 202)
    listed = read(cloud.ask("GET", f"{path}/async-invocations"))
    assert [one["request_id"] for one in listed["invocations"]] == [
        accepted["request_id"]
    ]
    for lists in ("reservedinstances", "reservedinstanceconfigs"):
        assert read(cloud.ask("GET", f"/fgs/functions/{lists}"))["count"] == 0
    read(cloud.ask("DELETE", f"{path}/aliases/a1"), 204)
    read(cloud.ask("DELETE", f"{path}/async-invoke-config"), 204)
    read(cloud.ask("DELETE", path), 204)
    read(cloud.ask("GET", f"{path}/config"), 404)


def deploy_by_script(wire, name, urn):
    """Create the function or update its code, then its settings; say which it was."""
    listed = read(wire.ask("GET", "/fgs/functions"))["functions"]
    read(wire.ask("GET", "/fgs/dependencies?ispublic=false"))
    is_known = name in [one["func_name"] for one in listed]
    code = {
        "code_type": "zip",
        "code_filename": "function.zip",
        "func_code": {"file": zipped(ECHO)},
    }
    settings = {
        "func_name": name,
        "handler": "index.handler",
        "memory_size": 256,
        "runtime": available_runtimes()[0],
        "timeout": 30,
        "app_xrole": "",
    }
    if is_known:
        read(wire.ask("PUT", f"/fgs/functions/{urn}:latest/code", code))
    else:
        whole = code | settings | {"package": "default"}
        read(wire.ask("POST", "/fgs/functions", whole))
    settings["user_data"] = json.dumps({"STAGE": "test"})
    told = read(wire.ask("PUT", f"/fgs/functions/{urn}:latest/config", settings))
    assert json.loads(told["user_data"]) == {"STAGE": "test"}
    return is_known


def test_the_deploying_script_creates_and_then_updates(known, name, urn):
    wire = Wire(known)

    assert not deploy_by_script(wire, name, urn)
    assert deploy_by_script(wire, name, urn)
    assert read(wire.ask("POST", f"/fgs/functions/{urn}/invocations", {"a": 1})) == {
        "a": 1
    }


def test_the_serverless_plugin_deploys_runs_and_removes(known, name, urn):
    wire = Wire(known, **{"x-cff-log-type": "tail", "x-cff-request-version": "v1"})
    path = f"/fgs/functions/{urn}:latest"
    basics = {
        "memory_size": 256,
        "timeout": 30,
        "handler": "index.handler",
        "enterprise_project_id": "0",
        "user_data": "{}",
    }
    runtime = available_runtimes()[0]
    read(wire.ask("GET", f"{path}/config"), 404)
    new = {"func_name": name, "package": "default", "runtime": runtime, "type": "v2"}
    new |= {"code_type": "zip", "func_code": {"file": zipped(ECHO)}}
    read(wire.ask("POST", "/fgs/functions", basics | new))

    shown = read(wire.ask("GET", f"{path}/config"))
    code = {
        "code_type": shown["code_type"],
        "depend_version_list": shown.get("depend_version_list"),
        "func_code": {"file": zipped(ECHO)},
    }
    read(wire.ask("PUT", f"/fgs/functions/{shown['func_urn']}/code", code))
    changed = {
        "func_name": name,
        "runtime": runtime,
        "strategy_config": {"concurrency": 400, "concurrent_num": 1},
        "func_vpc": None,
        "log_config": None,
        "initializer_handler": "",
        "initializer_timeout": 0,
    }
    told = read(wire.ask("PUT", f"{path}/config", basics | changed))
    assert (told["type"], told["enterprise_project_id"]) == ("v2", "0")
    assert read(wire.ask("GET", f"/fgs/triggers/{urn}:latest")) == []
    ran = read(wire.ask("POST", f"{path}/invocations", {"key": "value"}))
    assert (ran["status"], json.loads(ran["result"])) == (200, {"key": "value"})
    assert "Finish invoke request" in ran["log"]
    read(wire.ask("DELETE", f"/fgs/functions/{urn}"), 204)
