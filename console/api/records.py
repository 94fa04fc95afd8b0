"""Operations on asynchronous requests: list them, stop one."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema
from ninja.params.functions import Query
from pydantic import Field

from asyncconfig import clock
from asyncconfig.invocations import cancelling
from asyncconfig.models import Invocation
from asyncconfig.models.invocation import InvocationQuerySet
from console.access import Right
from console.api import lookup, paging
from console.api.errors import ApiError
from console.api.service import caller_of

router = Router(tags=["invocation"])
MAX_REQUESTS = 10
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
BEGIN = Query(
    "", description=gettext_noop("UTC, like 2025-01-02T03:04:05; default an hour ago.")
)
END = Query("", description=gettext_noop("UTC; default now."))
# The cloud knows nothing that is held: over the API it waits.
SHOWN_AS = {Invocation.Status.HELD: Invocation.Status.WAIT}
STATUSES: list[Any] = [one for one in Invocation.Status.values if one not in SHOWN_AS]
STATUS = Query(
    "",
    description=gettext_noop("WAIT, RUNNING, SUCCESS, FAIL or DISCARD; default all."),
)


class AsyncInvocation(Schema):
    request_id: str
    status: str = Field(json_schema_extra={"enum": STATUSES})
    error_message: str
    error_code: int
    start_time: str
    end_time: str = Field(description="Empty while it is not over.")


class AsyncInvocationList(Schema):
    invocations: list[AsyncInvocation]
    count: int = Field(
        description=(
            "Exact up to 10,000; beyond, more than was read as long as more follow."
        )
    )
    next_marker: str = Field(description=paging.NEXT)


class Cancellation(Schema):
    request_id: str = Field(examples=["01234567-89ab-4cde-8f01-23456789abcd"])
    type: str = Field("", json_schema_extra={"enum": ["", "recursive", "force"]})


@router.get(
    "/{function_urn}/async-invocations",
    operation_id="ListAsyncInvocations",
    summary=gettext_noop("List asynchronous requests"),
    response={200: AsyncInvocationList},
)
def index(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    request_id: str = "",
    marker: str = "0",
    limit: str = "100",
    status: str = STATUS,
    query_begin_time: str = BEGIN,
    query_end_time: str = END,
) -> dict[str, Any]:
    """The newest first; requests are kept RETENTION_DAYS."""
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    rows = _between(named, query_begin_time, query_end_time)
    if request_id:
        rows = rows.filter(request_id__in=_ids([request_id]))
    return _listed(rows, status, marker, limit)


@router.get(
    "/{function_urn}/active-async-invocations",
    operation_id="ListActiveAsyncInvocations",
    summary=gettext_noop("List asynchronous requests that are not over"),
    response={200: AsyncInvocationList},
)
def active(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    requests: str = Query(
        "", description=gettext_noop("At most 10 IDs, divided by commas.")
    ),
    marker: str = "0",
    limit: str = "100",
    status: str = STATUS,
    query_begin_time: str = BEGIN,
    query_end_time: str = END,
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    rows = _between(named, query_begin_time, query_end_time).filter(finished_at=None)
    if requests:
        asked = requests.split(",")
        if len(asked) > MAX_REQUESTS:
            raise ApiError(
                400, "FSS.1001", _("requests: ask for at most 10 request IDs.")
            )
        rows = rows.filter(request_id__in=_ids(asked))
    return _listed(rows, status, marker, limit)


def _between(named: lookup.NamedFunction, begin: str, end: str) -> InvocationQuerySet:
    """Return the function's asynchronous requests accepted in a span of time."""
    now = clock.now()
    since = _time("query_begin_time", begin) if begin else now - timedelta(hours=1)
    until = _time("query_end_time", end) if end else now
    rows = Invocation.objects.filter(
        function=named.function,
        mode=Invocation.Mode.ASYNC,
        accepted_at__gte=since,
        # Its whole second counts; clients leave the fraction out.
        accepted_at__lte=until.replace(microsecond=999_999),
    )
    if named.qualifier.startswith("!"):
        return rows.filter(alias=named.qualifier[1:])
    return rows.filter(version=named.version)


def _time(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ApiError(
            400,
            "FSS.1001",
            _("%(name)s: write a UTC time like 2025-01-02T03:04:05.") % {"name": name},
        ) from error


def _ids(texts: list[str]) -> list[UUID]:
    """Read request IDs; what is none matches no request."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text.strip()))
        except ValueError:
            continue
    return found


def _listed(
    rows: InvocationQuerySet, status: str, marker: str, limit: str
) -> dict[str, Any]:
    page = paging.read(marker, limit, usual=100, most=500)
    if status:
        if status not in STATUSES:
            raise ApiError(
                400,
                "FSS.1001",
                _("status: choose one of %(known)s.") % {"known": ", ".join(STATUSES)},
            )
        rows = rows.filter(status__in=[status, *_also_shown_as(status)])
    ordered = rows.newest_first().without_bodies()
    found = page.of_rows(ordered)
    return {
        "invocations": [_shown(row) for row in found],
        "count": page.count(ordered, len(found)),
        "next_marker": str(page.after(len(found))),
    }


def _also_shown_as(status: str) -> list[str]:
    return [stored for stored, shown in SHOWN_AS.items() if shown == status]


def _shown(row: Invocation) -> dict[str, Any]:
    return {
        "request_id": str(row.request_id),
        "status": SHOWN_AS.get(Invocation.Status(row.status), row.status),
        "error_message": row.error,
        "error_code": row.error_code,
        "start_time": _written(row.first_started_at or row.accepted_at),
        "end_time": _written(row.finished_at) if row.finished_at else "",
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


@router.post(
    "/{function_urn}/cancel",
    operation_id="CancelAsyncInvocation",
    summary=gettext_noop("Stop a request"),
    response={200: None},
    openapi_extra={
        "responses": {200: {"description": "Stopped.", "content": {"*/*": {}}}}
    },
)
def cancel(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: Cancellation
) -> HttpResponse:
    """A waiting one never runs. A running one is killed with force only.

    `recursive` also stops what its notifications started, running ones by force.
    """
    named = lookup.find_function(request, project_id, function_urn, Right.INVOKE)
    if body.type not in ("", "recursive", "force"):
        raise ApiError(400, "FSS.0400", _("type: write recursive or force."))
    rows = Invocation.objects.filter(
        function=named.function, request_id__in=_ids([body.request_id])
    )
    found = rows.without_bodies().first()
    if found is None:
        raise ApiError(400, "FSS.0400", _("Invalid RequestId: no request has this ID."))
    cancelling.cancel(
        found,
        by=caller_of(request).by,
        force=body.type == "force",
        recursive=body.type == "recursive",
    )
    return HttpResponse(b"null", content_type="application/json")
