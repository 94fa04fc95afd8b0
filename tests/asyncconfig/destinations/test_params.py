"""What no kind of destination takes as its parameters."""

import json

import pytest
from django.core.exceptions import ValidationError

from asyncconfig.destinations import KINDS
from tests.support.factories import latest, make_function

pytestmark = pytest.mark.django_db

FIELDS = {
    "FunctionGraph": "func_urn",
    "OBS": "bucket",
    "DIS": "stream_name",
    "SMN": "topic_urn",
    "RocketMQ": "instance_id",
}
LARGE = json.dumps({"extra": "x" * 4096})
DEEP = json.dumps(dict.fromkeys(FIELDS.values(), "x"))[:-1] + (
    ', "extra": ' + "[" * 16 + "]" * 16 + "}"
)


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize(
    "param",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        "[" * 4_000,
        r'{"FIELD": "\ud800"}',
        r'{"FIELD": "\u0000"}',
        '{"FIELD": ' + "9" * 4_000 + "9" * 50 + "}",
        '{"FIELD": 5}',
        DEEP,
        LARGE,
    ],
    ids=range(11),
)
def test_parameters_that_cannot_be_kept_are_refused(kind, param):
    destination, version = KINDS[kind], latest(make_function())
    param = param.replace("FIELD", FIELDS[kind])

    for read in (destination.read, destination.initial):
        with pytest.raises(ValidationError) as refused:
            read(param, version)
        known = "over 4 KB" if len(param) > 4096 else "Choose a "
        assert known in refused.value.messages[0]


def test_a_function_of_another_region_is_refused():
    function = make_function()
    urn = function.urn().replace(":cn-east-3:", ":cn-north-4:", 1)

    with pytest.raises(ValidationError, match="Choose a function"):
        KINDS["FunctionGraph"].read(json.dumps({"func_urn": urn}), latest(function))


def test_extra_members_are_no_hindrance():
    function = make_function()
    param = {"func_urn": function.urn(), "extra": [{"a": ["b"]}]}

    target = KINDS["FunctionGraph"].read(json.dumps(param), latest(function))

    assert target.function == function
