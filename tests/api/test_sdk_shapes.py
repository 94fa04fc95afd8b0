"""Our declared shapes against the official SDK's classes, operation by operation."""

import ast
import functools
import inspect
import re
import textwrap
from pathlib import Path

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest

from console.api.routes import api

DOCUMENT = api.get_openapi_schema()
REFERENCE = Path(__file__).parents[2] / "docs/reference/api.md"
CLIENT = sdk.FunctionGraphClient
# The SDK reads it as a number from text too; Terraform reads nothing but text.
READ_FROM_TEXT = {"next_marker"}
JSON_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "string",
    "date": "string",
    "object": None,
}
OPERATIONS = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
}
KNOWN = sorted(name for name in OPERATIONS if hasattr(sdk, f"{name}Request"))


@functools.cache
def always_sent(model):
    """Return the attributes that a class of the SDK sets whatever it is given."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model.__init__)))
    return {
        statement.targets[0].attr
        for statement in tree.body[0].body
        if isinstance(statement, ast.Assign)
        and not statement.targets[0].attr.startswith("_")
        and statement.targets[0].attr != "discriminator"
    }


def resolved(schema):
    """Return the alternatives that a schema offers, without references."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolved(DOCUMENT["components"]["schemas"][name])
    if inner := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return [one for each in inner for one in resolved(each)]
    return [schema]


class Comparison:
    """What differs between a schema of ours and a type of the SDK, by place."""

    def __init__(self, *, is_sent):
        self.is_sent = is_sent
        self.wrong = []
        self.unknown = set()

    def compare(self, schema, kind, where):
        options = [one for one in resolved(schema) if one.get("type") != "null"]
        if inner := re.fullmatch(r"list\[(.+)\]", kind):
            self._compare_items(options, inner[1], where)
        elif kind.startswith("dict("):
            self._expect(options, "object", where)
        elif kind in JSON_TYPES:
            self._expect(options, JSON_TYPES[kind], where)
        else:
            self._compare_model(options, getattr(sdk, kind), where)

    def _expect(self, options, wanted, where):
        kinds = {one.get("type") for one in options} - {None}
        fits = not kinds or wanted is None or wanted in kinds
        is_number = wanted in ("integer", "number") and "number" in kinds
        is_text = not self.is_sent and where.rpartition(".")[2] in READ_FROM_TEXT
        if not (fits or is_number or is_text):
            self.wrong.append(f"{where}: {wanted} for the SDK, {sorted(kinds)} here")

    def _compare_items(self, options, kind, where):
        self._expect(options, "array", where)
        for option in options:
            if items := option.get("items"):
                self.compare(items, kind, f"{where}[]")

    def _compare_model(self, options, model, where):
        self._expect(options, "object", where)
        for option in options:
            if "properties" in option:
                self._compare_fields(option, model, where)

    def _compare_fields(self, schema, model, where):
        fields = schema["properties"]
        required = set(schema.get("required", ()))
        for attribute, kind in model.openapi_types.items():
            name = model.attribute_map[attribute]
            place = f"{where}.{name}"
            if name not in fields:
                self.unknown.add(name)
                continue
            if self.is_sent and name in required - always_sent(model):
                self.wrong.append(f"{place}: required here, optional for the SDK")
            self.compare(fields[name], kind, place)
        known = {model.attribute_map[name] for name in model.openapi_types}
        if self.is_sent and required - known:
            self.wrong.append(f"{where}: {required - known} no SDK sends")


def body_of(told):
    content = told.get("content", {}).get("application/json")
    return content and content["schema"]


def parameters_of(name):
    return [
        one
        for one in OPERATIONS[name].get("parameters", [])
        if one["in"] in ("query", "header")
    ]


def compared_request(name):
    request = getattr(sdk, f"{name}Request")
    made = Comparison(is_sent=True)
    schema = body_of(OPERATIONS[name].get("requestBody", {}))
    if schema and "body" in request.openapi_types:
        made.compare(schema, request.openapi_types["body"], name)
    in_path = set(re.findall(r"{(\w+)}", path_of(name)))
    told = set(request.attribute_map.values()) - {"body", *in_path}
    ours = {one["name"].lower(): one for one in parameters_of(name)}
    for parameter in ours.values():
        if parameter.get("required") and parameter["name"] not in always_sent(request):
            made.wrong.append(f"{name}: {parameter['name']} is required here")
    made.unknown |= {one for one in told if one.lower() not in ours}
    return made


def path_of(name):
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    source = inspect.getsource(getattr(CLIENT, f"_{method}_http_info"))
    return re.search(r'"resource_path": "([^"]+)"', source)[1]


def declared_path(name):
    return next(
        path
        for path, methods in DOCUMENT["paths"].items()
        if any(one["operationId"] == name for one in methods.values())
    )


@pytest.mark.parametrize("name", KNOWN)
def test_an_operation_is_where_the_sdk_looks_for_it(name):
    ours, theirs = (
        re.sub(r"{\w+}", "{}", path) for path in (declared_path(name), path_of(name))
    )

    assert ours == theirs


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_sdk_may_leave_out_or_send_is_accepted(name):
    assert compared_request(name).wrong == []


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_answered_can_be_read_by_the_sdk(name):
    response = getattr(sdk, f"{name}Response")
    answers = OPERATIONS[name]["responses"]
    made = Comparison(is_sent=False)
    for status in (200, 201, 202):
        if schema := body_of(answers.get(status, {})):
            kind = response.openapi_types.get("body")
            if kind and set(response.openapi_types) == {"body"}:
                made.compare(schema, kind, name)
            else:
                made.compare(schema, f"{name}Response", name)

    assert made.wrong == []


def test_what_is_not_looked_at_is_listed_in_the_reference():
    section = REFERENCE.read_text().partition("## What is not looked at")[2]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section.partition("\n## ")[0], re.M)
    listed = {name: set(re.findall(r"`([^`]+)`", fields)) for name, fields in rows}
    # What is nowhere has nothing to be chosen from.
    looked_at = [name for name in KNOWN if OPERATIONS[name]["tags"] != ["absent"]]
    unknown = {name: compared_request(name).unknown for name in looked_at}

    assert {name: fields for name, fields in unknown.items() if fields} == listed
