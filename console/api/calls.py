"""Operations that run a function: now, or when a worker takes it."""

import base64
import json
import math
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from ninja.params.functions import Header

from asyncconfig.invocations import accepting, calling, idempotency
from asyncconfig.models import Attempt, Invocation
from console.access import Right
from console.api import lookup
from console.api.errors import ApiError
from console.api.service import caller_of, limited
from functions import logs
from functions.qualifiers import Resolved, resolve

router = Router(tags=["invocation"])
LOG_IN_HEADER = 2000
LOG_IN_BODY = 4096
ANY_BODY = {
    "requestBody": {
        "description": "The event: any JSON. Without a body it is {}.",
        "content": {"application/json": {"schema": {}, "example": {"key": "value"}}},
    }
}
ANY_ANSWER = {
    "responses": {
        status: {"description": said, "content": {"*/*": {"schema": {}}}}
        for status, said in (
            (200, "What the function returned, or the v1 envelope."),
            (500, "The function failed (v0), or something here did."),
            (504, "It still runs; the wait is over. Look for its request ID."),
        )
    }
}
MEMORY = Header(
    "", alias="X-Cff-Instance-Memory", description=gettext_noop("MB, for this run.")
)


class Accepted(Schema):
    request_id: str


def _resolved(request: HttpRequest, named: lookup.NamedFunction) -> Resolved:
    return resolve(named.function, named.qualifier, headers=request.headers)


@router.post(
    "/{function_urn}/invocations-async",
    operation_id="AsyncInvokeFunction",
    summary=gettext_noop("Run a function asynchronously"),
    response={202: Accepted},
    openapi_extra=ANY_BODY,
)
@limited(partial(accepting.check_size, mode=Invocation.Mode.ASYNC))
def invoke_async(
    request: HttpRequest,
    response: HttpResponse,
    project_id: Path[str],
    function_urn: str,
    memory: str = MEMORY,
    idempotency_key: str | None = Header(
        None,
        alias="Idempotency-Key",
        description=gettext_noop(
            "Within 24 hours the same key and body give the same request; "
            "another body is refused."
        ),
    ),
) -> Status[Any]:
    """Answers once the request is stored durably; a worker runs it."""
    named = lookup.find_function(request, project_id, function_urn, Right.INVOKE)
    resolved = _resolved(request, named)
    told: dict[str, Any] = {
        "origin": accepting.Origin(by=caller_of(request).by),
        "memory_size": accepting.read_memory(memory),
    }
    if idempotency_key is None:
        invocation = accepting.accept_from_client(resolved, request.body, **told)
    else:
        key = _checked_key(idempotency_key)
        invocation = idempotency.accept_once(
            resolved, request.body, key=key, asked=named.qualifier, **told
        )
    response["X-Cff-Request-Id"] = str(invocation.request_id)
    return Status(202, {"request_id": str(invocation.request_id)})


def _checked_key(key: str) -> str:
    if not (key.isascii() and 0 < len(key) <= idempotency.MAX_KEY_CHARACTERS):
        raise ApiError(
            400, "FSS.0400", _("Idempotency-Key: write 1 to 255 ASCII characters.")
        )
    return key


@router.post(
    "/{function_urn}/invocations",
    operation_id="InvokeFunction",
    summary=gettext_noop("Run a function and wait for its result"),
    response={200: None, 504: None},
    openapi_extra=ANY_BODY | ANY_ANSWER,
)
@limited(partial(accepting.check_size, mode=Invocation.Mode.SYNC))
def invoke(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    log_type: str = Header(
        "", alias="X-Cff-Log-Type", description=gettext_noop("tail, or empty.")
    ),
    version: str = Header(
        "v0", alias="X-CFF-Request-Version", description=gettext_noop("v0 or v1.")
    ),
    memory: str = MEMORY,
) -> HttpResponse:
    """Waits at most 90 seconds. v0 answers the bare result, v1 an envelope."""
    named = lookup.find_function(request, project_id, function_urn, Right.INVOKE)
    if version not in ("v0", "v1"):
        raise ApiError(400, "FSS.0400", _("X-CFF-Request-Version: write v0 or v1."))
    invocation = calling.call(
        _resolved(request, named),
        request.body,
        origin=accepting.Origin(by=caller_of(request).by),
        memory_size=accepting.read_memory(memory),
    )
    attempt = invocation.attempt_set.filter(is_late=False).last()
    log = bytes(attempt.log) if attempt and log_type == "tail" else b""
    answer = _envelope(invocation, log) if version == "v1" else _bare(invocation)
    return _with_headers(answer, invocation, attempt, log, version)


def _bare(invocation: Invocation) -> HttpResponse:
    """Answer the result as it is: text for a string, JSON for anything else."""
    if not invocation.is_finished:
        sentence = _("The function still runs. Look for request %(id)s later.")
        told = {
            "error_code": "FSS.0504",
            "error_msg": sentence % {"id": invocation.request_id},
        }
        return HttpResponse(json.dumps(told), status=504, content_type=JSON)
    is_fine = invocation.status == Invocation.Status.SUCCESS
    body = bytes(invocation.result) or (b"" if is_fine else _failure(invocation))
    return HttpResponse(body, status=200 if is_fine else 500, content_type=_kind(body))


JSON = "application/json"


def _failure(invocation: Invocation) -> bytes:
    """Say why a request ended that never came to a result of its own."""
    told = {
        "errorMessage": invocation.error,
        "errorType": invocation.condition,
        "stackTrace": [],
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _kind(body: bytes) -> str:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return "text/plain; charset=utf-8"
    return JSON


def _envelope(invocation: Invocation, log: bytes) -> HttpResponse:
    """Answer 200 whatever the function did; `status` in the body tells."""
    bare = _bare(invocation)
    told = {
        "request_id": str(invocation.request_id),
        "result": bare.content.decode("utf-8", "replace"),
        "log": logs.plain(log, last=LOG_IN_BODY).decode("utf-8", "replace"),
        "status": bare.status_code,
    }
    status = 504 if bare.status_code == 504 else 200
    return HttpResponse(json.dumps(told), status=status, content_type=JSON)


def _with_headers(
    answer: HttpResponse,
    invocation: Invocation,
    attempt: Attempt | None,
    log: bytes,
    version: str,
) -> HttpResponse:
    is_users = invocation.status == Invocation.Status.FAIL and (
        invocation.status_code == 200
    )
    duration = attempt.duration_ms if attempt else 0
    summary = {
        "duration": round(duration, 3),
        "billingDuration": math.ceil(duration),
        "memorySize": invocation.memory_size or invocation.version.memory_size,
        "memoryUsed": round(attempt.memory_mb, 2) if attempt else 0,
    }
    answer["X-Cff-Request-Id"] = str(invocation.request_id)
    answer["X-Cff-Invoke-Summary"] = json.dumps(summary)
    answer["X-CFF-Billing-Duration"] = str(summary["billingDuration"])
    answer["X-Cff-Response-Version"] = version
    answer["X-Func-Err-Code"] = str(invocation.error_code)
    answer["X-Is-Func-Err"] = "true" if is_users else "false"
    if log:
        tail = base64.b64encode(logs.plain(log, last=LOG_IN_HEADER))
        answer["X-Cff-Function-Log"] = tail.decode()
    return answer
