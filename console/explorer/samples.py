"""A call of the API as others write it: for a shell, and for the official SDK."""

import json
import re

from django.http import HttpRequest

from console.explorer.exploring import ApiCall, Operation, Parameter, host_of

# By tag: the package and the client of operations that are another service's.
FUNCTIONGRAPH_SDK = ("huaweicloudsdkfunctiongraph.v2", "FunctionGraphClient")
SDKS = {
    "dis": ("huaweicloudsdkdis.v2", "DisClient"),
    "smn": ("huaweicloudsdksmn.v2", "SmnClient"),
}
# What the SDK calls a parameter where that is not the parameter's own name.
SDK_NAMES = {
    "ShowStream.start_partitionId": "start_partition_id",
    "ListFunctionStatistics.function_urn": "func_urn",
    "ShowFunctionMetrics.function_urn": "func_urn",
    "UpdateFunctionCollectState.function_urn": "func_urn",
    "ShowVersionAlias.name": "alias_name",
    "UpdateVersionAlias.name": "alias_name",
    "DeleteVersionAlias.name": "alias_name",
}
NOT_IN_SDK = ("Keystone", "ListRuntimeTypes", "ListTriggers", "ListLog")
# What clients of the SDK cannot send.
OURS = {
    "Idempotency-Key",
    "ListEvents.marker",
    "ListEvents.maxitems",
    "ListFunctionAsMetric.marker",
}


def as_curl(call: ApiCall) -> str:
    """Write the call as a shell command."""
    method = "" if call.operation.method == "GET" else f" -X {call.operation.method}"
    lines = [f"curl{method} {_quoted(call.url)}", '-H "X-Auth-Token: $TOKEN"']
    lines += [
        f"-H {_quoted(f'{name}: {value}')}" for name, value in call.headers.items()
    ]
    if call.body:
        lines.append(f"-d {_quoted(call.body)}")
    return " \\\n  ".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"


def as_sdk(call: ApiCall) -> str:
    """Write the call in Python for the official SDK; "" where it has none such."""
    operation = call.operation
    if operation.id.startswith(NOT_IN_SDK):
        return ""
    arguments = [
        f"{_sdk_name(operation, parameter)}={call.values[parameter.name]!r},"
        for parameter in operation.parameters
        if call.values.get(parameter.name)
        and parameter.name != "project_id"
        and not OURS.intersection((parameter.name, f"{operation.id}.{parameter.name}"))
    ]
    if call.body:
        arguments.append(f"body={_python(call.body)},")
    inner = "\n        ".join(arguments)
    inner = f"\n        {inner}\n    " if inner else ""
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation.id).lower()
    project = call.values.get("project_id", "")
    package, client = SDKS.get(operation.tag, FUNCTIONGRAPH_SDK)
    return (
        "from huaweicloudsdkcore.auth.credentials import BasicCredentials\n"
        f"from {package} import {client}, {operation.id}Request\n\n"
        f"credentials = BasicCredentials(access_key, secret_key, {project!r})\n"
        "client = (\n"
        f"    {client}.new_builder()\n"
        "    .with_credentials(credentials)\n"
        f"    .with_endpoint({call.url.removesuffix(call.target)!r})\n"
        "    .build()\n"
        ")\n"
        f"answer = client.{method}(\n"
        f"    {operation.id}Request({inner})\n"
        ")\n"
    )


def _sdk_name(operation: Operation, parameter: Parameter) -> str:
    known = SDK_NAMES.get(f"{operation.id}.{parameter.name}")
    return known or parameter.name.lower().replace("-", "_")


def _python(body: str) -> str:
    try:
        return repr(json.loads(body))
    except ValueError:
        return repr(body)


def signed_sample(request: HttpRequest) -> str:
    """Write how a shell gets a token for an access key, and uses it."""
    host = host_of(request)
    identity = (
        '{"auth":{"identity":{"methods":["hw_ak_sk"],"hw_ak_sk":'
        '{"access":{"key":"\'$AK\'"},"secret":{"key":"\'$SK\'"}}}}}'
    )
    return (
        f"TOKEN=$(curl -si {host}/v3/auth/tokens \\\n"
        f"  -H 'Content-Type: application/json' -d '{identity}' \\\n"
        "  | tr -d '\\r' | sed -n 's/^x-subject-token: //Ip')\n"
        f'curl -H "X-Auth-Token: $TOKEN" {host}/v2/$PROJECT_ID/fgs/functions'
    )
