"""The official SDK runs functions, looks after requests and stops them."""

import base64
import http.client
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import huaweicloudsdkfunctiongraph.v2 as sdk

from tests.api.conftest import ECHO, RAISES, refused
from tests.support.installation import until

SLEEPS = """\
import time

def handler(event, context):
    time.sleep(event.get("s", 60))
"""


def run(client, urn, body=None, **fields):
    return client.invoke_function(
        sdk.InvokeFunctionRequest(function_urn=urn, body=body, **fields)
    )


def start(client, urn, body=None, **fields):
    return client.async_invoke_function(
        sdk.AsyncInvokeFunctionRequest(function_urn=urn, body=body, **fields)
    )


def listed(client, urn, **fields):
    return client.list_async_invocations(
        sdk.ListAsyncInvocationsRequest(function_urn=urn, **fields)
    )


def state(client, urn, request_id):
    found = listed(client, urn, request_id=request_id).invocations
    return found[0].status if found else None


def ended(client, urn, request_id):
    def look():
        now = state(client, urn, request_id)
        return now if now not in (None, "WAIT", "RUNNING") else None

    return until(look)


def cancel(client, urn, request_id, kind=None):
    body = sdk.CancelAsyncInvocationRequestBody(request_id=request_id, type=kind)
    return client.cancel_async_invocation(
        sdk.CancelAsyncInvocationRequest(function_urn=urn, body=body)
    )


def test_a_result_comes_back_bare_or_in_an_envelope(client, make):
    urn = make(source=ECHO)

    bare = run(client, urn, {"k": "字"}, x_cff_log_type="tail")
    wrapped = run(
        client, urn, {"k": "字"}, x_cff_request_version="v1", x_cff_log_type="tail"
    )

    assert json.loads(bare.raw_content) == {"k": "字"}
    assert bare.x_cff_request_id
    assert wrapped.status == 200
    assert json.loads(wrapped.result) == {"k": "字"}
    assert f"Start invoke request '{wrapped.request_id}'" in wrapped.log
    assert "Finish invoke request" in wrapped.log


def test_a_failure_is_a_500_bare_and_a_status_in_the_envelope(client, make):
    urn = make(source=RAISES)

    wrapped = run(client, urn, {}, x_cff_request_version="v1")

    assert wrapped.status == 500
    assert json.loads(wrapped.result)["errorType"] == "ValueError"
    with refused(500, "500") as no:
        run(client, urn, {})
    assert "asked to fail" in no.error.error_msg


def test_bodies_of_every_kind_arrive(client, make):
    urn = make(source=ECHO)

    def echoed(body):
        return run(client, urn, body, x_cff_request_version="v1").result

    assert json.loads(echoed({})) == {}
    assert json.loads(echoed(None)) == {}
    assert json.loads(echoed('{"raw": "字"}')) == {"raw": "字"}
    assert json.loads(echoed({"中": "文 &"})) == {"中": "文 &"}
    with refused(400, "FSS.0406"):
        start(client, urn, "not json")
    with refused(413, "FSS.0413"):
        start(client, urn, {"k": "x" * 262_144})
    with refused(400, "FSS.0400"):
        run(client, urn, {}, x_cff_request_version="v2")


def test_a_huge_body_is_refused_before_it_arrives(client, make, known):
    urn = make()
    connection = http.client.HTTPConnection(urlsplit(known["url"]).netloc, timeout=10)
    path = f"/v2/{known['project_id']}/fgs/functions/{urn}/invocations-async"

    connection.putrequest("POST", path)
    connection.putheader("X-Auth-Token", _token(known))
    connection.putheader("Content-Length", "10000000000")
    connection.endheaders()
    answer = connection.getresponse()

    assert (answer.status, answer.will_close) == (413, True)
    assert json.load(answer)["error_code"] == "FSS.0413"
    assert answer.headers["X-Request-Id"]
    connection.close()


def test_a_body_that_is_not_read_ends_the_connection_and_says_so(client, make, known):
    urn = make()
    connection = http.client.HTTPConnection(urlsplit(known["url"]).netloc, timeout=10)
    path = f"/v2/{known['project_id']}/fgs/functions/{urn}/invocations-async"

    connection.request("POST", path, b"x" * 300_000, {"X-Auth-Token": _token(known)})
    refusal = connection.getresponse()

    assert (refusal.status, refusal.will_close) == (413, True)
    assert json.load(refusal)["error_code"] == "FSS.0413"
    connection.close()


def test_a_body_that_was_read_leaves_the_connection_open(client, make, known):
    urn = make(source=ECHO)
    connection = http.client.HTTPConnection(urlsplit(known["url"]).netloc, timeout=30)
    path = f"/v2/{known['project_id']}/fgs/functions/{urn}/invocations"

    connection.request("POST", path, b"{}", {"X-Auth-Token": _token(known)})
    answer = connection.getresponse()

    assert (answer.status, answer.will_close) == (200, False)
    connection.close()


def test_a_call_may_ask_for_memory(client, make):
    urn = make(
        source="def handler(event, context):\n    return context.getMemorySize()\n",
        enable_dynamic_memory=True,
    )

    asked = run(
        client, urn, {}, x_cff_request_version="v1", x_cff_instance_memory="256"
    )

    assert asked.result == "256"
    assert start(client, urn, {}, x_cff_instance_memory="256").status_code == 202
    with refused(406, "FSS.0406"):
        start(client, urn, {}, x_cff_instance_memory="129")


def test_requests_are_accepted_listed_and_found(client, make):
    urn = make(source=ECHO)
    ids = [start(client, urn, {"n": n}).request_id for n in range(3)]
    for request_id in ids:
        assert ended(client, urn, request_id) == "SUCCESS"

    first = listed(client, urn, limit="2")
    rest = listed(client, urn, limit="2", marker=str(first.next_marker))
    now = datetime.now(UTC)
    ago = now - timedelta(minutes=5)
    spanned = listed(
        client, urn, query_begin_time=ago, query_end_time=f"{now:%Y-%m-%dT%H:%M:%S}"
    )
    earlier = listed(
        client, urn, query_begin_time="2025-01-02T03:04:05", query_end_time=ago
    )

    assert [row.request_id for row in first.invocations + rest.invocations] == ids[::-1]
    assert (first.next_marker, rest.next_marker, first.count) == (2, 3, 3)
    assert json.loads(rest.raw_content)["next_marker"] == "3"
    row = first.invocations[0]
    assert (row.status, row.error_code, row.error_message) == ("SUCCESS", 0, "")
    assert row.end_time
    assert spanned.count == 3
    assert earlier.count == 0
    assert listed(client, urn, status="FAIL").invocations == []
    with refused(400, "FSS.1001"):
        listed(client, urn, status="LATER")
    with refused(400, "FSS.1001"):
        listed(client, urn, limit="-1")
    with refused(400, "FSS.1001"):
        listed(client, urn, query_begin_time="yesterday")


def test_failures_say_why(client, make):
    urn = make(source=RAISES)
    request_id = start(client, urn, {}).request_id

    assert ended(client, urn, request_id) == "FAIL"
    row = listed(client, urn, request_id=request_id).invocations[0]
    assert "asked to fail" in row.error_message
    assert row.error_code > 0


def test_urns_may_be_raw_short_or_through_an_alias(client, make, known):
    urn = make(func_name="spelled", source=ECHO)
    client.create_function_version(
        sdk.CreateFunctionVersionRequest(
            function_urn=urn,
            body=sdk.CreateFunctionVersionRequestBody(version="v1"),
        )
    )
    client.create_version_alias(
        sdk.CreateVersionAliasRequest(
            function_urn=urn,
            body=sdk.CreateVersionAliasRequestBody(name="prod", version="v1"),
        )
    )
    bare = urn.removesuffix(":latest")

    for spelling in (
        "spelled",
        "default:spelled",
        f"{known['project_id']}:default:spelled",
        bare,
        f"{bare}:v1",
        f"{bare}:!prod",
    ):
        assert start(client, spelling, {}).status_code == 202, spelling
    assert listed(client, f"{bare}:!prod").count == 1
    assert listed(client, f"{bare}:v1").count == 2
    with refused(400, "FSS.1309"):
        start(client, "urn:fss:x", {})
    with refused(404, "FSS.1051"):
        start(client, "nobody", {})
    with refused(404, "FSS.1052"):
        start(client, f"{bare}:v9", {})
    with refused(404, "FSS.1053"):
        start(client, f"{bare}:!none", {})
    with refused(404, "FSS.1051"):
        start(client, bare.replace(known["region"], "mars-1"), {})


def test_a_waiting_request_never_runs_once_cancelled(client, make):
    urn = make(source=SLEEPS, timeout=90)
    _limit(client, urn, 1)
    first = start(client, urn, {"s": 30}).request_id
    until(lambda: state(client, urn, first) == "RUNNING")
    second = start(client, urn, {"s": 0}).request_id
    active = client.list_active_async_invocations(
        sdk.ListActiveAsyncInvocationsRequest(
            function_urn=urn, requests=f"{first},{second}"
        )
    )

    answer = cancel(client, urn, second)
    cancel(client, urn, first, "force")

    assert {row.request_id for row in active.invocations} == {first, second}
    assert answer.status_code == 200
    assert ended(client, urn, first) == "FAIL"
    row = listed(client, urn, request_id=second).invocations[0]
    assert (row.status, row.error_code) == ("FAIL", 4208)
    with refused(400, "FSS.0400"):
        cancel(client, urn, second)
    with refused(400, "FSS.0400") as no:
        cancel(client, urn, "01234567-89ab-4cde-8f01-23456789abcd")
    assert "Invalid RequestId" in no.error.error_msg


def _limit(client, urn, number):
    body = sdk.UpdateFunctionMaxInstanceConfigRequestBody(max_instance_num=number)
    client.update_function_max_instance_config(
        sdk.UpdateFunctionMaxInstanceConfigRequest(function_urn=urn, body=body)
    )


def _configure(client, urn, **fields):
    body = sdk.UpdateFunctionAsyncInvokeConfigRequestBody(**fields)
    client.update_function_async_invoke_config(
        sdk.UpdateFunctionAsyncInvokeConfigRequest(function_urn=urn, body=body)
    )


def test_a_forced_stop_ends_a_run_and_no_retry_brings_it_back(client, make):
    urn = make(source=SLEEPS, timeout=90)
    _configure(client, urn, max_async_retry_attempts=3)
    request_id = start(client, urn, {"s": 60}).request_id
    until(lambda: state(client, urn, request_id) == "RUNNING")

    cancel(client, urn, request_id, "force")

    until(lambda: state(client, urn, request_id) == "FAIL", seconds=2)
    row = listed(client, urn, request_id=request_id).invocations[0]
    assert row.error_code == 4208
    with refused(400, "FSS.0400"):
        cancel(client, urn, request_id, "force")
    # Requests that came later have run: so would a retry, after its 50 ms.
    for _turn in range(3):
        later = start(client, urn, {"s": 0.1}).request_id
        assert ended(client, urn, later) == "SUCCESS"
    assert listed(client, urn, request_id=request_id).invocations == [row]


def test_recursive_stops_what_a_request_started_and_plain_does_not(client, make):
    child = make(source=SLEEPS, timeout=90)
    _limit(client, child, 2)
    urn = make()
    told = sdk.FuncDestinationConfig(
        destination="FunctionGraph", param=json.dumps({"func_urn": child})
    )
    _configure(
        client,
        urn,
        destination_config=sdk.FuncAsyncDestinationConfig(on_success=told),
    )

    def beget():
        """Start a request; return it and what it started, once that runs or waits."""
        parent = start(client, urn, {}).request_id
        known = {row.request_id for row in listed(client, child).invocations}
        until(lambda: listed(client, child).count > len(known))
        rows = listed(client, child).invocations
        return parent, next(row for row in rows if row.request_id not in known)

    (plain, spared), (deep, running), (third, waiting) = beget(), beget(), beget()
    until(lambda: listed(client, child, status="RUNNING").count == 2)

    with refused(400, "FSS.0400"):
        cancel(client, urn, plain)
    cancel(client, urn, third, "recursive")
    cancel(client, urn, deep, "recursive")

    assert ended(client, child, waiting.request_id) == "FAIL"
    until(lambda: state(client, child, running.request_id) == "FAIL", seconds=2)
    assert state(client, child, spared.request_id) == "RUNNING"
    assert {state(client, urn, one) for one in (plain, deep, third)} == {"SUCCESS"}
    with refused(400, "FSS.0400"):
        cancel(client, urn, deep, "recursive")
    cancel(client, child, spared.request_id, "force")


def test_one_idempotency_key_is_one_request(client, make, known):
    urn = make(source=ECHO)

    def send(body):
        return client.do_http_request(
            method="POST",
            resource_path="/v2/{project_id}/fgs/functions/{function_urn}/invocations-async",
            path_params={"function_urn": urn},
            header_params={
                "Idempotency-Key": "order-1",
                "Content-Type": "application/json",
            },
            body=body,
            response_type="AsyncInvokeFunctionResponse",
        )

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _n: send({"n": 1}).request_id, range(50)))

    assert len(set(answers)) == 1
    assert listed(client, urn).count == 1
    with refused(409, "FSS.0409"):
        send({"n": 2})


def test_the_tail_of_the_log_comes_in_a_header(client, make, known):
    urn = make(source="def handler(event, context):\n    print('x' * 3000)\n")
    url = f"{known['url']}/v2/{known['project_id']}/fgs/functions/{urn}/invocations"
    headers = {"X-Auth-Token": _token(known), "X-Cff-Log-Type": "tail"}
    request = urllib.request.Request(url, b"{}", headers, method="POST")

    with urllib.request.urlopen(request, timeout=30) as answer:
        sent = answer.headers

    log = base64.b64decode(sent["X-Cff-Function-Log"])
    summary = json.loads(sent["X-Cff-Invoke-Summary"])
    assert len(log) == 2000
    assert b"Finish invoke request" in log
    assert (summary["memorySize"], sent["X-Cff-Response-Version"]) == (128, "v0")
    assert (sent["X-Func-Err-Code"], sent["X-Is-Func-Err"]) == ("0", "false")


def _token(known):
    identity = {
        "methods": ["password"],
        "password": {
            "user": {"name": known["username"], "password": known["password"]}
        },
    }
    body = json.dumps({"auth": {"identity": identity}}).encode()
    request = urllib.request.Request(f"{known['url']}/v3/auth/tokens", body)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["X-Subject-Token"]
