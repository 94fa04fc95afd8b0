"""The official SDK on versions and aliases."""

import json

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest

from tests.api.conftest import ECHO, encoded, refused


def config(client, urn):
    return client.show_function_config(sdk.ShowFunctionConfigRequest(function_urn=urn))


def publish(client, urn, **fields):
    body = sdk.CreateFunctionVersionRequestBody(**fields)
    request = sdk.CreateFunctionVersionRequest(function_urn=urn, body=body)
    return client.create_function_version(request)


def deploy(client, urn, source):
    body = sdk.UpdateFunctionCodeRequestBody(
        code_type="inline", func_code=sdk.FuncCode(file=encoded(source))
    )
    client.update_function_code(
        sdk.UpdateFunctionCodeRequest(function_urn=urn, body=body)
    )


def test_versions_are_published_listed_and_deleted(client, make):
    urn = make()
    first = publish(client, urn, version="v1", description="the first")

    with refused(400, "FSS.1016"):
        publish(client, urn, version="v2")
    deploy(client, urn, ECHO)
    with refused(409, "FSS.1062"):
        publish(client, urn, version="v1")
    with refused(400, "FSS.1015"):
        publish(client, urn, version="-")
    named = publish(client, urn)
    listed = client.list_function_versions(
        sdk.ListFunctionVersionsRequest(function_urn=urn)
    )

    assert (first.version, first.version_description) == ("v1", "the first")
    assert first.func_urn.endswith(":v1")
    assert [one.version for one in listed.versions] == ["latest", named.version, "v1"]
    assert (listed.next_marker, listed.count) == (3, 3)
    client.delete_function(sdk.DeleteFunctionRequest(function_urn=first.func_urn))
    with refused(404, "FSS.1052"):
        config(client, first.func_urn)
    with refused(409, "FSS.0409"):
        client.delete_function(sdk.DeleteFunctionRequest(function_urn=urn))


def test_lists_of_versions_come_in_pages(client, make):
    urn = make()
    publish(client, urn, version="v1")

    def page(**fields):
        return client.list_function_versions(
            sdk.ListFunctionVersionsRequest(function_urn=urn, **fields)
        )

    first, last = page(maxitems="1"), page(maxitems="1", marker="1")

    assert [one.version for one in first.versions + last.versions] == ["latest", "v1"]
    assert (first.next_marker, last.next_marker) == (1, 2)
    with refused(400, "FSS.1001"):
        page(marker="-1")


def test_a_published_version_cannot_be_changed(client, make):
    version = publish(client, make(), version="v1").func_urn

    with refused(403, "FSS.0403"):
        deploy(client, version, ECHO)


@pytest.fixture
def versioned(client, make):
    """A function whose v1 says hello and whose v2 returns the event."""
    urn = make()
    publish(client, urn, version="v1")
    deploy(client, urn, ECHO)
    publish(client, urn, version="v2")
    return urn


def create(client, urn, **fields):
    body = sdk.CreateVersionAliasRequestBody(**fields)
    return client.create_version_alias(
        sdk.CreateVersionAliasRequest(function_urn=urn, body=body)
    )


def update(client, urn, name, **fields):
    body = sdk.UpdateVersionAliasRequestBody(**fields)
    return client.update_version_alias(
        sdk.UpdateVersionAliasRequest(function_urn=urn, alias_name=name, body=body)
    )


def show(client, urn, name):
    return client.show_version_alias(
        sdk.ShowVersionAliasRequest(function_urn=urn, alias_name=name)
    )


def result(client, urn, **headers):
    request = sdk.InvokeFunctionRequest(
        function_urn=urn, x_cff_request_version="v1", body={"a": 1}, **headers
    )
    return client.invoke_function(request).result


def test_an_alias_sends_its_share_of_calls_elsewhere(client, versioned):
    weights = {"v2": 100}

    made = create(
        client,
        versioned,
        name="prod",
        version="v1",
        additional_version_weights=weights,
    )

    assert made.alias_urn.endswith(":!prod")
    assert made.additional_version_weights == weights
    # v2 runs, as all of the weight is its.
    assert json.loads(result(client, made.alias_urn)) == {"a": 1}
    assert show(client, versioned, "prod").version == "v1"


def test_an_alias_sends_calls_elsewhere_by_header(client, versioned):
    alias = create(client, versioned, name="prod", version="v1").alias_urn
    rule = {
        "rule_type": "Header",
        "param": "X-Cff-Log-Type",
        "op": "in",
        "value": "tail, head",
    }
    strategy = {"v2": {"combine_type": "and", "rules": [rule]}}

    update(
        client, versioned, "prod", version="v1", additional_version_strategy=strategy
    )

    assert json.loads(result(client, alias, x_cff_log_type="tail")) == {"a": 1}
    assert result(client, alias) == "hello world!"


def test_aliases_are_listed_and_deleted(client, versioned):
    create(client, versioned, name="prod", version="v1")

    listed = client.list_version_aliases(
        sdk.ListVersionAliasesRequest(function_urn=versioned)
    )
    client.delete_version_alias(
        sdk.DeleteVersionAliasRequest(function_urn=versioned, alias_name="prod")
    )

    assert [one["name"] for one in json.loads(listed.raw_content)] == ["prod"]
    with refused(404, "FSS.1053"):
        show(client, versioned, "prod")
    with refused(404, "FSS.1053"):
        client.delete_version_alias(
            sdk.DeleteVersionAliasRequest(function_urn=versioned, alias_name="prod")
        )


def test_bad_aliases_are_refused_and_change_nothing(client, versioned):
    create(
        client,
        versioned,
        name="prod",
        version="v1",
        additional_version_weights={"v2": 1},
    )

    for status, code, fields in (
        (409, "FSS.1063", {"name": "prod", "version": "v2"}),
        (409, "FSS.1066", {"version": "v1"}),
        (400, "FSS.1091", {"additional_version_weights": {"v9": 1}}),
        (400, "FSS.1092", {"additional_version_weights": {"v1": 101}}),
        (400, "FSS.1093", {"additional_version_weights": {"v2": 1}}),
        (404, "FSS.1052", {"version": "v9"}),
        (400, "FSS.1014", {"name": "9"}),
    ):
        with refused(status, code):
            create(client, versioned, **({"name": "other", "version": "v2"} | fields))
    with refused(404, "FSS.1052"):
        update(client, versioned, "prod", version="v9")
    with refused(404, "FSS.1053"):
        update(client, versioned, "none", version="v2")
    with refused(403, "FSS.1094"):
        client.delete_function(
            sdk.DeleteFunctionRequest(function_urn=versioned.replace(":latest", ":v2"))
        )
    assert show(client, versioned, "prod").additional_version_weights == {"v2": 1}
