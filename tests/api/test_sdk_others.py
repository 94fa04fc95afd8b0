"""The official SDK on test events, tags, logs, quotas and figures."""

import base64
import json

import huaweicloudsdkfunctiongraph.v2 as sdk
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.region.region import Region

from tests.api.conftest import RAISES, encoded, refused
from tests.support.installation import until


def test_the_sdk_finds_the_project_by_its_region(known):
    url = known["url"]
    keys = BasicCredentials(known["access_key"], known["secret_key"])
    builder = sdk.FunctionGraphClient.new_builder()
    builder.with_credentials(keys.with_iam_endpoint(url))
    builder.with_region(Region(known["region"], url))

    listed = builder.build().list_functions(sdk.ListFunctionsRequest())

    assert listed.next_marker == listed.count == len(listed.functions)
    assert keys.project_id == known["project_id"]


def test_events_are_saved_listed_changed_and_deleted(client, make):
    urn = make()

    def create(name, text='{"aaa": "123"}'):
        body = sdk.CreateEventRequestBody(name=name, content=encoded(text))
        return client.create_event(sdk.CreateEventRequest(function_urn=urn, body=body))

    def show(event_id):
        return client.show_event(
            sdk.ShowEventRequest(function_urn=urn, event_id=event_id)
        )

    made = create("hello")
    body = sdk.UpdateEventRequestBody(content=encoded('{"b": 2}'))
    client.update_event(
        sdk.UpdateEventRequest(function_urn=urn, event_id=made.id, body=body)
    )
    listed = client.list_events(sdk.ListEventsRequest(function_urn=urn))

    assert json.loads(base64.b64decode(show(made.id).content)) == {"b": 2}
    assert [(event.id, event.name) for event in listed.events] == [(made.id, "hello")]
    assert listed.events[0].last_modified > 1_700_000_000
    with refused(403, "FSS.1073"):
        create("hello")
    with refused(400, "FSS.1074"):
        create("1st")
    with refused(400, "FSS.1074"):
        create("bad", "not json")
    with refused(403, "FSS.1069"):
        create("large", json.dumps("x" * 262_144))
    for number in range(9):
        create(f"more{number}")
    with refused(403, "FSS.1068"):
        create("eleventh")
    client.delete_event(sdk.DeleteEventRequest(function_urn=urn, event_id=made.id))
    with refused(404, "FSS.1070"):
        show(made.id)


def test_tags_are_given_listed_and_taken(client, make):
    urn = make()
    shown = client.show_function_config(sdk.ShowFunctionConfigRequest(function_urn=urn))

    def change(call, request, keys, resource):
        body = sdk.UpdateFunctionTagsRequestBody(
            action="create", tags=[sdk.KvItem(key=key, value="v") for key in keys]
        )
        return call(request(resource_type="functions", resource_id=resource, body=body))

    def listed():
        request = sdk.ListFunctionTagsRequest(
            resource_type="functions", resource_id=shown.func_id
        )
        return [tag.key for tag in client.list_function_tags(request).tags]

    answer = change(client.create_tags, sdk.CreateTagsRequest, ["a", "b"], urn)
    assert answer.status_code == 204
    assert listed() == ["a", "b"]
    whole = client.show_project_tags_list(
        sdk.ShowProjectTagsListRequest(resource_type="functions")
    )
    assert {tag.key: tag._values for tag in whole.tags} == {"a": ["v"], "b": ["v"]}
    change(client.delete_tags, sdk.DeleteTagsRequest, ["a"], shown.resource_id)
    assert listed() == ["b"]
    with refused(400, "FSS.0400"):
        change(client.create_tags, sdk.CreateTagsRequest, ["_sys_x"], urn)
    with refused(404, "FSS.1051"):
        change(client.create_tags, sdk.CreateTagsRequest, ["a"], "nobody")
    with refused(403, "FSS.0400"):
        keys = [f"k{number}" for number in range(21)]
        change(client.create_tags, sdk.CreateTagsRequest, keys, urn)


def test_log_switches_are_set_and_read(client, make):
    urn = make()
    with refused(404, "FSS.0404"):
        client.show_project_async_status_log_info(
            sdk.ShowProjectAsyncStatusLogInfoRequest()
        )

    client.enable_async_status_log(sdk.EnableAsyncStatusLogRequest())
    client.enable_async_status_log(sdk.EnableAsyncStatusLogRequest())
    status = client.show_project_async_status_log_info(
        sdk.ShowProjectAsyncStatusLogInfoRequest()
    )
    client.enable_lts_logs(sdk.EnableLtsLogsRequest())
    runs = client.show_lts_log_details(sdk.ShowLtsLogDetailsRequest(function_urn=urn))

    assert status.group_name.startswith("function-async-log-group-")
    assert status.stream_name.startswith("function-async-log-stream-")
    assert status.group_id
    assert runs.stream_id
    with refused(400, "FSS.1221"):
        client.enable_lts_logs(sdk.EnableLtsLogsRequest())


def test_quotas_tell_what_is_used(client, make):
    make()

    quotas = client.list_quotas(sdk.ListQuotasRequest()).quotas.resources

    functions = next(quota for quota in quotas if quota.type == "fgs_func_num")
    assert functions.quota == 400
    assert functions.used >= 1


@pytest.fixture(scope="module")
def failed(client, make):
    """A function that has failed twice."""
    urn = make(source=RAISES)
    for _turn in range(2):
        client.async_invoke_function(
            sdk.AsyncInvokeFunctionRequest(function_urn=urn, body={})
        )
    request = sdk.ListAsyncInvocationsRequest(function_urn=urn, status="FAIL")
    until(lambda: client.list_async_invocations(request).count == 2)
    return urn


def total(series):
    return sum(value.value for value in series if value.value > 0)


def test_a_function_has_figures(client, failed):
    figures = client.list_function_statistics(
        sdk.ListFunctionStatisticsRequest(func_urn=failed, period="60")
    )
    metrics = client.show_function_metrics(
        sdk.ShowFunctionMetricsRequest(func_urn=failed, period="1440")
    )

    assert total(figures.count) == total(figures.fail_count) == 2
    assert total(figures.function_error_count) == 2
    assert total(figures.system_error_count) == total(figures.reject_count) == 0
    assert total(figures.max_duration) >= total(figures.min_duration) > 0
    assert len(figures.count) == 61
    assert total(metrics.count) == 2
    assert len(metrics.count) == 25
    with refused(400, "FSS.1001"):
        client.list_function_statistics(
            sdk.ListFunctionStatisticsRequest(func_urn=failed, period="0")
        )


def test_a_project_has_figures(client, failed):
    monitored = client.list_statistics(
        sdk.ListStatisticsRequest(filter="monitor_data", period="60")
    )
    monthly = client.list_statistics(sdk.ListStatisticsRequest(filter="monthly_report"))
    worst = client.list_function_as_metric(sdk.ListFunctionAsMetricRequest())

    assert total(monitored.statistics.fail_count) >= 2
    assert monthly.count[-1].value >= 2
    assert monthly.gbs[-1].value > 0
    assert failed in [value.key for value in worst.values]
    with refused(400, "FSS.1001"):
        client.list_statistics(sdk.ListStatisticsRequest(filter="everything"))
