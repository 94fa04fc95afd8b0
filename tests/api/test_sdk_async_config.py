"""The official SDK on asynchronous configurations."""

import json

import huaweicloudsdkfunctiongraph.v2 as sdk

from functions.models.agency import ACTIONS
from tests.api.conftest import refused
from tests.support.installation import Person, until


def put(client, urn, **fields):
    body = sdk.UpdateFunctionAsyncInvokeConfigRequestBody(**fields)
    return client.update_function_async_invoke_config(
        sdk.UpdateFunctionAsyncInvokeConfigRequest(function_urn=urn, body=body)
    )


def get(client, urn):
    return client.show_function_async_invoke_config(
        sdk.ShowFunctionAsyncInvokeConfigRequest(function_urn=urn)
    )


def delete(client, urn):
    return client.delete_function_async_invoke_config(
        sdk.DeleteFunctionAsyncInvokeConfigRequest(function_urn=urn)
    )


def to_function(urn):
    return sdk.FuncDestinationConfig(
        destination="FunctionGraph", param=json.dumps({"func_urn": urn})
    )


def told(**sides):
    return sdk.FuncAsyncDestinationConfig(**sides)


def test_a_configuration_is_put_shown_listed_and_deleted(client, make):
    urn, target = make(), make()
    param = json.dumps({"func_urn": target})

    saved = put(
        client,
        urn,
        max_async_event_age_in_seconds=3500,
        max_async_retry_attempts=2,
        destination_config=told(on_failure=to_function(target)),
        enable_async_status_log=True,
    )
    shown = get(client, urn.removesuffix(":latest"))
    listed = client.list_function_async_invoke_config(
        sdk.ListFunctionAsyncInvokeConfigRequest(function_urn=urn)
    )

    assert saved.func_urn == shown.func_urn == urn
    assert shown.max_async_event_age_in_seconds == 3500
    assert shown.max_async_retry_attempts == 2
    assert shown.enable_async_status_log is True
    assert shown.destination_config.on_failure.param == param
    assert shown.destination_config.on_success is None
    assert "+08:00" in shown.created_time
    assert [one.func_urn for one in listed.async_invoke_configs] == [urn]
    assert (listed.count, listed.page_info.next_marker) == (1, 1)

    assert delete(client, urn).status_code == 204
    with refused(404, "FSS.0404"):
        get(client, urn)
    with refused(404, "FSS.0404"):
        delete(client, urn)


def test_what_is_left_out_falls_back_to_its_default(client, make):
    urn = make()
    put(client, urn, max_async_retry_attempts=3, enable_async_status_log=True)

    saved = put(client, urn, max_async_event_age_in_seconds=60)

    assert saved.max_async_retry_attempts == 1
    assert saved.enable_async_status_log is False
    assert put(client, urn).max_async_event_age_in_seconds == 3600


def test_bad_configurations_are_refused_and_change_nothing(client, make):
    urn = make()
    without = make(xrole="")
    put(client, urn, max_async_retry_attempts=2)

    for field, value in (
        ("max_async_retry_attempts", 4),
        ("max_async_retry_attempts", -1),
        ("max_async_event_age_in_seconds", 0),
        ("max_async_event_age_in_seconds", 86_401),
    ):
        with refused(400, "FSS.0400") as no:
            put(client, urn, **{field: value})
        assert field in no.error.error_msg
    with refused(400, "FSS.0400"):
        unknown = sdk.FuncDestinationConfig(destination="Pigeon", param="{}")
        put(client, urn, destination_config=told(on_success=unknown))
    with refused(400, "FSS.0400"):
        put(client, urn, destination_config=told(on_success=to_function("nobody")))
    with refused(403, "FSS.1122") as no:
        put(client, without, destination_config=told(on_success=to_function(urn)))
    assert "functiongraph:function:invokeAsync" in no.error.error_msg
    assert get(client, urn).max_async_retry_attempts == 2


def test_an_alias_carries_none_and_a_version_its_own(client, make):
    urn = make()
    put(client, urn, max_async_retry_attempts=3)
    body = sdk.CreateFunctionVersionRequestBody(version="v1")
    published = client.create_function_version(
        sdk.CreateFunctionVersionRequest(function_urn=urn, body=body)
    )
    body = sdk.CreateVersionAliasRequestBody(name="prod", version="v1")
    alias = client.create_version_alias(
        sdk.CreateVersionAliasRequest(function_urn=urn, body=body)
    )

    assert published.function_async_config.max_async_retry_attempts == 3
    assert get(client, published.func_urn).max_async_retry_attempts == 3
    with refused(400, "FSS.1309"):
        put(client, alias.alias_urn)


def test_lists_of_configurations_come_in_pages(client, make):
    urn = make()
    put(client, urn)
    body = sdk.CreateFunctionVersionRequestBody(version="v1")
    client.create_function_version(
        sdk.CreateFunctionVersionRequest(function_urn=urn, body=body)
    )

    def page(**fields):
        request = sdk.ListFunctionAsyncInvokeConfigRequest(function_urn=urn, **fields)
        return client.list_function_async_invoke_config(request)

    first = page(limit="1")
    second = page(limit="1", marker=str(first.page_info.next_marker))

    assert (first.page_info.next_marker, second.page_info.next_marker) == (1, 2)
    assert first.count == second.count == 2
    assert len(first.async_invoke_configs) == len(second.async_invoke_configs) == 1


def test_a_loop_is_saved_as_the_cloud_saves_it(client, make):
    urn = make()

    saved = put(client, urn, destination_config=told(on_success=to_function(urn)))

    assert saved.destination_config.on_success.destination == "FunctionGraph"


def test_the_sequence_of_terraforms_own_test_holds(client, known, make, installation):
    """Create, change, read back, delete, delete again."""
    person = Person(installation)
    everything = "terraform"
    person.post("/agencies/new", name=everything, actions=list(ACTIONS))
    new = ("/services/new-bucket",)
    until(lambda: "/services/buckets" in person.post(*new, name="terraform")[0])
    person.post("/services/new-topic", name="terraform")
    person.post(
        "/services/new-stream", name="terraform", partitions="1", retention_hours="24"
    )
    urn, target = make(xrole=everything), make()
    topic = f"urn:smn:{known['region']}:{known['project_id']}:terraform"
    created = {
        "on_success": param("OBS", bucket="terraform", prefix="/success", expires=5),
        "on_failure": param("SMN", topic_urn=topic),
    }
    changed = {
        "on_success": param("DIS", stream_name="terraform"),
        "on_failure": param("FunctionGraph", func_urn=target),
    }

    for age, retries, sides in ((3500, 2, created), (4000, 0, changed)):
        put(
            client,
            urn,
            max_async_event_age_in_seconds=age,
            max_async_retry_attempts=retries,
            destination_config=told(**sides),
        )
        shown = get(client, urn)
        assert shown.max_async_event_age_in_seconds == age
        assert shown.max_async_retry_attempts == retries
        for side, sent in sides.items():
            read = getattr(shown.destination_config, side)
            assert read.destination == sent.destination
            assert json.loads(read.param) == json.loads(sent.param)

    assert delete(client, urn).status_code == 204
    with refused(404, "FSS.0404"):
        get(client, urn)
    with refused(404, "FSS.0404"):
        delete(client, urn)


def param(destination, **members):
    """Return a destination whose members stand in Terraform's order: by name."""
    text = json.dumps(dict(sorted(members.items())), separators=(",", ":"))
    return sdk.FuncDestinationConfig(destination=destination, param=text)
