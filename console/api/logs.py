"""The switches of logs: what clients turn on, and the names they then read."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from pydantic import Field

from console.access import Right
from console.api import lookup
from console.api.errors import ApiError
from functions.models import LogStream, Project

router = Router(tags=["log"])
groups = Router(tags=["log"])
Kind = LogStream.Kind


class LogDetail(Schema):
    group_name: str
    group_id: str
    stream_id: str
    stream_name: str


def _detail(project: Project, kind: LogStream.Kind) -> dict[str, Any]:
    found = project.log_streams.filter(kind=kind).first()
    if found is None:
        raise ApiError(404, "FSS.0404", _("These logs have not been turned on yet."))
    return {
        "group_name": found.group_name,
        "group_id": str(found.group_id),
        "stream_id": str(found.stream_id),
        "stream_name": found.stream_name,
    }


@router.post(
    "/enable-async-status-logs",
    operation_id="EnableAsyncStatusLog",
    summary=gettext_noop("Switch the status logs of asynchronous requests on"),
    response={200: None},
)
def enable_status(request: HttpRequest, project_id: Path[str]) -> Status[Any]:
    """Statuses are always kept here; this gives the stream its names."""
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    LogStream.objects.get_or_create(project=project, kind=Kind.ASYNC_STATUS)
    return Status(200, None)


@router.get(
    "/async-status-log-detail",
    operation_id="ShowProjectAsyncStatusLogInfo",
    summary=gettext_noop("Show the names of the status logs"),
    response={200: LogDetail},
)
def status_detail(request: HttpRequest, project_id: Path[str]) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    return _detail(project, Kind.ASYNC_STATUS)


@router.post(
    "/enable-lts-logs",
    operation_id="EnableLtsLogs",
    summary=gettext_noop("Switch function logs on"),
    response={200: None},
)
def enable_runs(request: HttpRequest, project_id: Path[str]) -> Status[Any]:
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    _stream, is_new = LogStream.objects.get_or_create(project=project, kind=Kind.RUN)
    if not is_new:
        raise ApiError(400, "FSS.1221", _("Function logs are already turned on."))
    return Status(200, None)


@router.get(
    "/{function_urn}/lts-log-detail",
    operation_id="ShowLtsLogDetails",
    summary=gettext_noop("Show the names of a function's logs"),
    response={200: LogDetail},
)
def run_detail(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    return _detail(named.function.project, Kind.RUN)


class LogGroup(Schema):
    log_group_id: str
    log_group_name: str
    creation_time: int = Field(description="Milliseconds since 1970.")


class LogGroupList(Schema):
    log_groups: list[LogGroup]


class LogStreamEntry(Schema):
    log_stream_id: str
    log_stream_name: str
    creation_time: int = Field(description="Milliseconds since 1970.")


class LogStreamList(Schema):
    log_streams: list[LogStreamEntry]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@groups.get(
    "/groups",
    operation_id="ListLogGroups",
    summary=gettext_noop("List the log groups that have names"),
    response={200: LogGroupList},
)
def list_groups(request: HttpRequest, project_id: Path[str]) -> dict[str, Any]:
    """An operation of the log service: nothing is read from a group here."""
    project = lookup.find_project(request, project_id, Right.READ)
    told = [
        {
            "log_group_id": str(one.group_id),
            "log_group_name": one.group_name,
            "creation_time": _milliseconds(one.created_at),
        }
        for one in project.log_streams.order_by("pk")
    ]
    return {"log_groups": told}


@groups.get(
    "/groups/{log_group_id}/streams",
    operation_id="ListLogStreams",
    summary=gettext_noop("List the log streams of a group"),
    response={200: LogStreamList},
)
def list_streams(
    request: HttpRequest, project_id: Path[str], log_group_id: str
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    told = [
        {
            "log_stream_id": str(one.stream_id),
            "log_stream_name": one.stream_name,
            "creation_time": _milliseconds(one.created_at),
        }
        for one in project.log_streams.order_by("pk")
        if str(one.group_id) == log_group_id
    ]
    return {"log_streams": told}
