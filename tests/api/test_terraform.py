"""What Terraform's provider sends for the example of the documentation, and more."""

import base64
import json
import re
from pathlib import Path

import pytest

from functions.models.agency import ACTIONS
from functions.runtime import available_runtimes
from tests.api.conftest import ECHO, HELLO
from tests.support import hcl
from tests.support.installation import Person, until
from tests.support.wire import Wire

EXAMPLE = Path(__file__).parents[2] / "docs/how-to/terraform.md"
FILES = {"index.py": ECHO}
MAX_PAGES = 5


@pytest.fixture(scope="module")
def prepared(installation):
    """What the example wants to be there before: a bucket and an agency."""
    person = Person(installation)
    person.post("/agencies/new", name="serverless-trust", actions=list(ACTIONS))
    made = ("/services/new-bucket",)
    until(lambda: "/services/buckets" in person.post(*made, name="orders-done")[0])


@pytest.fixture(scope="module")
def wire(known):
    return Wire(known)


class Provider:
    """Sends what the provider does: with what is empty left out, as JSON."""

    def __init__(self, wire):
        self.wire = wire

    def done(self, method, path, body=None, *, ok=(200, 201, 202, 204)):
        """Send a request; the provider stops at any other status than these."""
        answer = self.wire.ask(method, path, body)
        assert answer.status_code in ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def is_gone(self, path):
        return self.wire.ask("GET", path).status_code == 404


def told(**fields):
    """Leave out what the provider leaves out: nothing, "" and 0 of these."""
    return {name: value for name, value in fields.items() if value not in (None, "", 0)}


class Topic(Provider):
    kind = "huaweicloud_smn_topic"

    def create(self, wanted):
        body = {"name": wanted["name"]} | told(display_name=wanted.get("display_name"))
        body |= {"enterprise_project_id": "0"}
        self.urn = self.done("POST", "/notifications/topics", body)["topic_urn"]
        return {"topic_urn": self.urn, "id": self.urn}

    def refresh(self):
        path = f"/notifications/topics/{self.urn}"
        shown = self.done("GET", path, ok=(200,))
        policy = self.done("GET", f"{path}/attributes?name=access_policy", ok=(200,))
        told = self.done("GET", f"{path}/attributes?name=introduction", ok=(200,))
        assert policy["attributes"]["access_policy"] == ""
        assert told["attributes"]["introduction"] == ""
        # Of tags it says in its log that they cannot be had, and goes on.
        self.wire.ask("GET", f"/smn_topic/{shown['name']}/tags")
        return {name: shown[name] for name in ("name", "display_name")}

    def update(self, wanted):
        body = {"display_name": wanted["display_name"]}
        self.done("PUT", f"/notifications/topics/{self.urn}", body)

    def destroy(self):
        self.done("DELETE", f"/notifications/topics/{self.urn}")
        assert self.is_gone(f"/notifications/topics/{self.urn}")


class Function(Provider):
    kind = "huaweicloud_fgs_function"

    def create(self, wanted):
        body = {
            "func_name": wanted["name"],
            "runtime": wanted["runtime"],
            "timeout": wanted["timeout"],
            "memory_size": wanted["memory_size"],
            "enterprise_project_id": "",
            "enable_lts_log": wanted.get("enable_lts_log"),
        }
        body |= told(
            package=wanted["app"],
            handler=wanted["handler"],
            code_type=wanted["code_type"],
            description=wanted.get("description"),
            user_data=wanted.get("user_data"),
            xrole=wanted.get("agency"),
            func_code={"file": wanted["func_code"]},
        )
        made = self.done("POST", "/fgs/functions", body)
        self.id = made["func_urn"]
        self.urn = self.id.rpartition(":")[0]
        self.old = {}
        self._configure(wanted)
        self._limit(wanted)
        self._tag(wanted, self.id)
        self._version(wanted)
        self.old = wanted
        return {"urn": self.id, "id": self.id}

    def _configure(self, wanted):
        body = {
            "runtime": wanted["runtime"],
            "timeout": wanted["timeout"],
            "memory_size": wanted["memory_size"],
            "description": wanted.get("description", ""),
            "enterprise_project_id": "",
            "peering_cidr": wanted.get("peering_cidr", ""),
            "heartbeat_handler": "",
            "restore_hook_handler": "",
            "restore_hook_timeout": 0,
        }
        body |= told(
            package=wanted["app"],
            handler=wanted["handler"],
            user_data=wanted.get("user_data"),
            xrole=wanted.get("agency"),
            initializer_handler=wanted.get("initializer_handler"),
            initializer_timeout=wanted.get("initializer_timeout"),
        )
        if wanted.get("concurrency_num"):
            body["strategy_config"] = {"concurrent_num": wanted["concurrency_num"]}
        self.done("PUT", f"/fgs/functions/{self.urn}/config", body)

    def _deploy(self, wanted):
        body = {
            "code_type": wanted["code_type"],
            "code_url": "",
            "code_filename": wanted.get("code_filename", ""),
            "depend_version_list": [],
            "func_code": {"file": wanted["func_code"]},
        }
        self.done("PUT", f"/fgs/functions/{self.urn}/code", body)

    def _limit(self, wanted):
        if number := wanted.get("max_instance_num"):
            body = {"max_instance_num": int(number)}
            self.done("PUT", f"/fgs/functions/{self.urn}/config-max-instance", body)

    def _tag(self, wanted, urn):
        for name, tags in (("delete", self.old), ("create", wanted)):
            if entries := tags.get("tags"):
                body = {"tags": [{"key": k, "value": v} for k, v in entries.items()]}
                method = "DELETE" if name == "delete" else "POST"
                path = f"/functions/{urn}/tags/{name}"
                self.done(method, path, body, ok=(204,))

    def _version(self, wanted):
        for version in self.old.get("versions", []):
            self.done("DELETE", f"/fgs/functions/{self.urn}:{version['name']}")
        for version in wanted.get("versions", []):
            body = {
                "version": version["name"],
                "description": version.get("description", ""),
            }
            self.done("POST", f"/fgs/functions/{self.urn}/versions", body)
            for alias in version.get("aliases", []):
                body = {"version": version["name"], "name": alias["name"]}
                body |= told(description=alias.get("description"))
                self.done("POST", f"/fgs/functions/{self.urn}/aliases", body)

    def update(self, wanted):
        self._deploy(wanted)
        self._configure(wanted)
        self._limit(wanted)
        self._tag(wanted, self.urn)
        self._version(wanted)
        self.old = wanted

    def refresh(self):
        shown = self.done("GET", f"/fgs/functions/{self.urn}/config", ok=(200,))
        self.wire.ask("GET", f"/fgs/functions/{self.id}/lts-log-detail")
        versions = self.done("GET", f"/fgs/functions/{self.urn}/versions")["versions"]
        aliases = self.done("GET", f"/fgs/functions/{self.urn}/aliases")
        assert self._reserved() == []
        found = {
            "name": shown["func_name"],
            "app": shown["package"],
            "agency": shown["xrole"],
            "concurrency_num": shown["strategy_config"]["concurrent_num"],
            "max_instance_num": str(shown["strategy_config"]["concurrency"]),
            "versions": [
                {
                    "name": one["version"],
                    "description": one["version_description"],
                    "aliases": [
                        {"name": alias["name"], "description": alias["description"]}
                        for alias in aliases
                        if alias["version"] == one["version"]
                    ],
                }
                for one in versions
                if one["version"] != "latest"
            ],
        }
        same = "description handler runtime memory_size timeout code_type"
        return found | {name: shown[name] for name in same.split()}

    def _reserved(self):
        """Page as the provider does: on by what was read, until a page is empty."""
        found, marker = [], 0
        for _ in range(MAX_PAGES):
            query = f"function_urn={self.id}&limit=100&marker={marker}"
            path = f"/fgs/functions/reservedinstanceconfigs?{query}"
            page = self.done("GET", path, ok=(200,))["reserved_instances"]
            if not page:
                return found
            found += page
            marker += len(page)
        raise AssertionError("the list does not end")

    def destroy(self):
        self.done("DELETE", f"/fgs/functions/{self.urn}")
        assert self.is_gone(f"/fgs/functions/{self.urn}/config")


class Event(Provider):
    kind = "huaweicloud_fgs_function_event"

    def create(self, wanted):
        self.path = f"/fgs/functions/{wanted['function_urn']}/events"
        body = {"name": wanted["name"], "content": wanted["content"]}
        made = self.done("POST", self.path, body)
        self.path += f"/{made['id']}"
        return {"id": made["id"]}

    def refresh(self):
        shown = self.done("GET", self.path, ok=(200,))
        assert isinstance(shown["last_modified"], int | float)
        return {name: shown[name] for name in ("name", "content")}

    def update(self, wanted):
        body = {"name": wanted["name"], "content": wanted["content"]}
        self.done("PUT", self.path, body)

    def destroy(self):
        self.done("DELETE", self.path, ok=(204,))
        assert self.is_gone(self.path)


class AsyncConfiguration(Provider):
    kind = "huaweicloud_fgs_async_invoke_configuration"
    POLICY = (
        "max_async_event_age_in_seconds",
        "max_async_retry_attempts",
        "enable_async_status_log",
    )

    def create(self, wanted):
        urn = wanted["function_urn"]
        self.path = f"/fgs/functions/{urn}/async-invoke-config"
        self.update(wanted)
        return {"id": urn}

    def update(self, wanted):
        sides = {
            side: wanted[side][0]
            for side in ("on_success", "on_failure")
            if wanted.get(side)
        }
        body = {name: wanted.get(name, False) for name in self.POLICY}
        self.done("PUT", self.path, body | {"destination_config": sides})

    def refresh(self):
        shown = self.done("GET", self.path, ok=(200,))
        assert shown["created_time"]
        assert shown["last_modified"]
        sides = {side: [one] for side, one in shown["destination_config"].items()}
        return {name: shown[name] for name in self.POLICY} | sides

    def destroy(self):
        self.done("DELETE", self.path)
        assert self.is_gone(self.path)


KINDS = {one.kind: one for one in (Topic, Function, Event, AsyncConfiguration)}
# What the next apply changes.
CHANGES = {
    Topic.kind: {"display_name": "Orders that failed"},
    Function.kind: {
        "func_code": base64.b64encode(HELLO.encode()).decode(),
        "timeout": 60,
        "description": "",
        "concurrency_num": 20,
        "max_instance_num": "-1",
        "tags": {"team": "shop"},
        "versions": [{"name": "v2", "description": "", "aliases": [{"name": "prod"}]}],
    },
    Event.kind: {"content": base64.b64encode(b'{"order": 18}').decode()},
    AsyncConfiguration.kind: {
        "max_async_retry_attempts": 0,
        "enable_async_status_log": False,
        "on_success": [],
    },
}


def drift(resource, wanted):
    """Return what a plan would still want to change."""
    shown = resource.refresh()
    return {
        name: (value, shown.get(name))
        for name, value in wanted.items()
        if name in shown and filled(shown[name]) != filled(value)
    }


def filled(value):
    """Take what was left out of a nested block for what it is by default."""
    if isinstance(value, list):
        return [filled(one) for one in value]
    if isinstance(value, dict):
        return {name: filled(one) for name, one in value.items() if one != ""}
    return value


def example():
    (text,) = re.findall(r"```hcl\n(.*?)```", EXAMPLE.read_text(), re.S)
    return hcl.resources(text)


def applied(wire, wanted_of):
    """Create each resource in the order of the example; return them with wishes."""
    known, made = {}, []
    for (kind, name), attributes in wanted_of.items():
        wanted = hcl.evaluated(attributes, known, FILES)
        if kind == Function.kind:
            wanted["runtime"] = available_runtimes()[0]
        resource = KINDS[kind](wire)
        for attribute, value in resource.create(wanted).items():
            known[f"{kind}.{name}.{attribute}"] = value
        made.append((resource, wanted))
    return made


def test_the_provider_finds_its_project_by_the_region(wire, known):
    answer = wire.send("GET", f"/v3/projects?name={known['region']}")

    (found,) = answer.json()["projects"]
    assert (found["name"], found["id"]) == (known["region"], known["project_id"])


def test_the_documented_example_is_applied_changed_and_destroyed(wire, prepared):
    made = applied(wire, example())

    assert [drift(*one) for one in made] == [{}] * len(made)
    changed = []
    for resource, wanted in made:
        wanted = wanted | CHANGES[resource.kind]
        resource.update(wanted)
        changed.append((resource, wanted))
    assert [drift(*one) for one in changed] == [{}] * len(made)
    for resource, _wanted in reversed(made):
        resource.destroy()


def test_every_resource_of_the_example_is_played():
    assert {kind for kind, _name in example()} == set(KINDS)


def test_what_was_removed_by_hand_is_made_anew(wire, prepared):
    """A refresh takes 404 for "gone", whatever is gone."""
    made = applied(wire, example())
    for resource, _wanted in reversed(made):
        resource.destroy()

    again = applied(wire, example())

    assert [drift(*one) for one in again] == [{}] * len(made)
    for resource, _wanted in reversed(again):
        resource.destroy()


def test_switches_and_lists_of_other_resources_answer(wire, make):
    provider, urn = Provider(wire), make()
    once = wire.ask("POST", "/fgs/functions/enable-lts-logs")
    twice = wire.ask("POST", "/fgs/functions/enable-lts-logs")

    assert once.status_code in (200, 400)
    assert (twice.status_code, twice.json()["error_code"]) == (400, "FSS.1221")
    provider.done("POST", "/fgs/functions/enable-async-status-logs")
    provider.done("GET", "/fgs/functions/async-status-log-detail")
    for state in ("true", "false"):
        provider.done("PUT", f"/fgs/functions/{urn}/collect/{state}", ok=(200,))
    given_up = {"count": 0, "idle_mode": False}
    provider.done("PUT", f"/fgs/functions/{urn}/reservedinstances", given_up)
    for path in (
        "/fgs/dependencies?maxitems=100&marker=0",
        "/fgs/applications?marker=0",
        f"/fgs/triggers/{urn}",
        "/fgs/triggers?maxitems=500",
        "/fgs/quotas",
        "/fgs/runtimetypes",
        "/functions/tags",
        f"/fgs/functions/{urn}/events",
        f"/fgs/functions/{urn}/async-invoke-configs?limit=100&marker=0",
        "/fgs/functions?maxitems=400&marker=0",
    ):
        json.dumps(provider.done("GET", path, ok=(200,)))
