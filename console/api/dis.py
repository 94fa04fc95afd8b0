"""The data ingestion service (DIS): streams, their records, and cursors.

Shapes and codes are those of DIS v2, which answers 400 where a stream is missing.
"""

import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Query, Router, Status

from asyncconfig.exceptions import StreamUnknown
from asyncconfig.models import Stream
from asyncconfig.services.streams import cursors, keeping, partitions, records
from asyncconfig.services.streams.cursors import CursorKind
from asyncconfig.services.streams.forms import StreamForm
from asyncconfig.services.streams.records import NewRecord
from console.access import Right
from console.api import lookup
from console.api.errors import ApiError, refuse
from console.api.service import limited
from console.api.shapes.dis_shapes import (
    CursorAnswer,
    NewRecords,
    NewStream,
    RecordEntry,
    RecordPage,
    RecordResults,
    StreamDetail,
    StreamList,
    shown_partition,
    shown_put,
    shown_record,
    shown_stream,
)
from functions.forms.base import whole
from functions.models import Project

router = Router(tags=["dis"])
INVALID = "DIS.4200"
# 5 MB as base64, and what stands around it.
MAX_BODY_BYTES = 8 * 1024 * 1024
USUAL_FETCH = 1024 * 1024
FORM_NAMES = {
    "name": "stream_name",
    "partitions": "partition_count",
    "retention_hours": "data_duration",
}


def check_body(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise ApiError(413, "DIS.4300", _("The body is over 8 MB. Send fewer records."))


@router.post(
    "/streams",
    operation_id="CreateStream",
    summary=gettext_noop("Create a stream"),
    response={201: None},
)
def create_stream(
    request: HttpRequest, project_id: Path[str], body: NewStream
) -> Status[Any]:
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    form = StreamForm(
        {
            "name": body.stream_name,
            "partitions": body.partition_count,
            "retention_hours": body.data_duration,
        }
    )
    if not form.is_valid():
        raise refuse(form, dict.fromkeys(FORM_NAMES, INVALID), names=FORM_NAMES)
    keeping.create(project, **form.cleaned_data)
    return Status(201, None)


@router.get(
    "/streams",
    operation_id="ListStreams",
    summary=gettext_noop("List streams"),
    response={200: StreamList},
)
def list_streams(
    request: HttpRequest,
    project_id: Path[str],
    limit: int = 10,
    start_stream_name: str = "",
) -> dict[str, Any]:
    """By name, from the one after `start_stream_name`; at most 100 at a time."""
    project = lookup.find_project(request, project_id, Right.READ)
    size = _between("limit", limit, 1, 100)
    streams = keeping.of(project).order_by("name")
    found = list(streams.filter(name__gt=start_stream_name)[: size + 1])
    shown = found[:size]
    return {
        "total_number": streams.count(),
        "stream_names": [stream.name for stream in shown],
        "has_more_streams": len(found) > size,
        "stream_info_list": [
            shown_stream(stream) | {"partition_count": stream.partitions}
            for stream in shown
        ],
    }


def _between(name: str, value: int, low: int, high: int) -> int:
    """Return the value, or the most there is; less than the least is an error."""
    if value < low:
        raise ApiError(
            400,
            INVALID,
            _("%(name)s: enter a whole number, %(low)d or more.")
            % {"name": name, "low": low},
        )
    return min(value, high)


@router.get(
    "/streams/{stream_name}",
    operation_id="ShowStream",
    summary=gettext_noop("Show a stream and its partitions"),
    response={200: StreamDetail},
)
def show_stream(
    request: HttpRequest,
    project_id: Path[str],
    stream_name: Path[str],
    start: Annotated[str, Query(alias="start_partitionId")] = "",
    limit: Annotated[int, Query(alias="limit_partitions")] = 100,
) -> dict[str, Any]:
    """Partitions from the one after `start_partitionId`; at most 1,000 at a time."""
    project = lookup.find_project(request, project_id, Right.READ)
    stream = keeping.find(project, stream_name)
    size = _between("limit_partitions", limit, 1, 1000)
    after = partitions.parse(start, count=stream.partitions) + 1 if start else 0
    (spans,) = records.spans([stream])
    return shown_stream(stream) | {
        "stream_id": stream.stream_id.hex,
        "last_modified_time": int(stream.created_at.timestamp() * 1000),
        "partitions": [shown_partition(stream, span) for span in spans[after:][:size]],
        "has_more_partitions": len(spans) > after + size,
        "writable_partition_count": stream.partitions,
        "readable_partition_count": stream.partitions,
    }


@router.delete(
    "/streams/{stream_name}",
    operation_id="DeleteStream",
    summary=gettext_noop("Delete a stream with its records"),
    response={204: None},
)
def delete_stream(
    request: HttpRequest, project_id: Path[str], stream_name: Path[str]
) -> Status[Any]:
    """As in the cloud, also while functions send results there."""
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    keeping.delete(keeping.find(project, stream_name))
    return Status(204, None)


@router.post(
    "/records",
    operation_id="SendRecords",
    summary=gettext_noop("Put records into a stream"),
    response={200: RecordResults},
)
@limited(check_body)
def send_records(
    request: HttpRequest, project_id: Path[str], body: NewRecords
) -> dict[str, Any]:
    """All are written or none; failed_record_count is therefore always 0."""
    project = lookup.find_project(request, project_id, Right.INVOKE)
    stream = _find(project, body)
    new = [_read(stream, entry) for entry in body.records]
    put = records.put(stream, new)
    return {"failed_record_count": 0, "records": [shown_put(one) for one in put]}


def _find(project: Project, body: NewRecords) -> Stream:
    try:
        return keeping.find(project, body.stream_name)
    except StreamUnknown:
        stream_id = _uuid(body.stream_id or "")
        found = keeping.of(project).filter(stream_id__in=stream_id).first()
        if found is None:
            raise
        return found


def _uuid(text: str) -> list[UUID]:
    try:
        return [UUID(text)]
    except ValueError:
        return []


def _read(stream: Stream, entry: RecordEntry) -> NewRecord:
    try:
        data = base64.b64decode(entry.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, INVALID, _("data: encode it as Base64.")) from error
    return NewRecord(data, _choose(stream, entry), entry.partition_key or "")


def _choose(stream: Stream, entry: RecordEntry) -> int:
    """Return the partition: of its ID, else of the hash key, else of the key."""
    if entry.partition_id:
        return partitions.parse(entry.partition_id, count=stream.partitions)
    if entry.explicit_hash_key:
        return partitions.of_hash(
            _hash_key(entry.explicit_hash_key), count=stream.partitions
        )
    if not entry.partition_key:
        raise ApiError(
            400, INVALID, _("Give each record a partition_key or a partition_id.")
        )
    return partitions.of_key(entry.partition_key, count=stream.partitions)


def _hash_key(text: str) -> int:
    number = whole(text, digits=19)
    if number is None or number >= partitions.HASH_KEYS:
        raise ApiError(
            400, INVALID, _("explicit_hash_key: enter a number from 0 to 2^63 − 1.")
        )
    return number


@router.get(
    "/cursors",
    operation_id="ShowCursor",
    summary=gettext_noop("Get a cursor, valid for 5 minutes"),
    response={200: CursorAnswer},
)
def show_cursor(
    request: HttpRequest,
    project_id: Path[str],
    stream_name: Annotated[str, Query(alias="stream-name")],
    partition_id: Annotated[str, Query(alias="partition-id")],
    cursor_type: Annotated[
        str,
        Query(alias="cursor-type", enum=[*map(str, CursorKind)]),
    ] = str(CursorKind.AT_NUMBER),
    number: Annotated[str, Query(alias="starting-sequence-number")] = "",
    timestamp: Annotated[int | None, Query(description="Milliseconds.")] = None,
) -> dict[str, str]:
    project = lookup.find_project(request, project_id, Right.READ)
    stream = keeping.find(project, stream_name)
    partition = partitions.parse(partition_id, count=stream.partitions)
    if cursor_type not in [*CursorKind]:
        raise ApiError(
            400,
            "DIS.4215",
            _("cursor-type: write one of %(names)s.")
            % {"names": ", ".join(CursorKind)},
        )
    cursor = cursors.locate(
        stream, partition, CursorKind(cursor_type), number=number, timestamp=timestamp
    )
    return {"partition_cursor": cursors.write(cursor)}


@router.get(
    "/records",
    operation_id="ConsumeRecords",
    summary=gettext_noop("Read records from a cursor on"),
    response={200: RecordPage},
)
def consume_records(
    request: HttpRequest,
    project_id: Path[str],
    partition_cursor: Annotated[str, Query(alias="partition-cursor")],
    max_fetch_bytes: int = USUAL_FETCH,
) -> dict[str, Any]:
    """A record larger than `max_fetch_bytes` (at most 10 MB) is never returned."""
    project = lookup.find_project(request, project_id, Right.READ)
    cursor = cursors.read(project, partition_cursor)
    size = _between("max_fetch_bytes", max_fetch_bytes, 1, records.MAX_FETCHED_BYTES)
    found = records.read(
        cursor.stream, cursor.partition, start=cursor.number, most_bytes=size
    )
    after = found[-1].number + 1 if found else cursor.number
    onward = cursors.Cursor(cursor.stream, cursor.partition, after)
    return {
        "records": [shown_record(one) for one in found],
        "next_partition_cursor": cursors.write(onward),
    }
