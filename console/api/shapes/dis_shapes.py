"""What the operations of DIS take and answer."""

from typing import Any

from ninja import Schema
from pydantic import Field

from asyncconfig.models import Stream
from asyncconfig.services.streams import partitions
from asyncconfig.services.streams.records import Kept, Put, Span


class NewStream(Schema):
    stream_name: str
    partition_count: int = Field(description="1–50.")
    data_duration: int = Field(24, description="Hours, 24–168.")
    stream_type: str = Field("COMMON", description="Not kept: no limits differ.")
    data_type: str = Field("BLOB", description="Not kept: data are bytes.")


class StreamInfo(Schema):
    stream_name: str
    create_time: int = Field(description="Milliseconds.")
    retention_period: int = Field(description="Hours.")
    status: str
    stream_type: str
    data_type: str
    partition_count: int
    auto_scale_enabled: bool


class StreamList(Schema):
    total_number: int
    stream_names: list[str]
    has_more_streams: bool
    stream_info_list: list[StreamInfo]


class PartitionResult(Schema):
    status: str
    partition_id: str
    hash_range: str
    sequence_number_range: str
    parent_partitions: str


class StreamDetail(Schema):
    stream_id: str
    stream_name: str
    create_time: int = Field(description="Milliseconds.")
    last_modified_time: int = Field(description="Milliseconds.")
    status: str
    stream_type: str
    data_type: str
    retention_period: int = Field(description="Hours.")
    partitions: list[PartitionResult]
    has_more_partitions: bool
    writable_partition_count: int
    readable_partition_count: int
    auto_scale_enabled: bool


class RecordEntry(Schema):
    data: str = Field(description="Base64; at most 1 MB when decoded.")
    partition_key: str | None = None
    explicit_hash_key: str | None = Field(None, description="0 to 2^63 − 1.")
    partition_id: str | None = Field(None, description="Goes before the keys.")


class NewRecords(Schema):
    stream_name: str = ""
    stream_id: str | None = Field(None, description="Used when no name fits.")
    records: list[RecordEntry] = Field(description="1–500, 5 MB together.")


class ResultEntry(Schema):
    partition_id: str
    sequence_number: str
    error_code: str | None = None
    error_message: str | None = None


class RecordResults(Schema):
    failed_record_count: int
    records: list[ResultEntry]


class CursorAnswer(Schema):
    partition_cursor: str


class Record(Schema):
    partition_key: str | None = None
    sequence_number: str
    data: str
    timestamp: int = Field(description="Milliseconds.")
    timestamp_type: str


class RecordPage(Schema):
    records: list[Record]
    next_partition_cursor: str


def shown_stream(stream: Stream) -> dict[str, Any]:
    return {
        "stream_name": stream.name,
        "create_time": int(stream.created_at.timestamp() * 1000),
        "retention_period": stream.retention_hours,
        "status": "RUNNING",
        "stream_type": "COMMON",
        "data_type": "BLOB",
        "auto_scale_enabled": False,
    }


def shown_partition(stream: Stream, span: Span) -> dict[str, str]:
    first, last = partitions.hash_range(span.partition, count=stream.partitions)
    return {
        "status": "ACTIVE",
        "partition_id": span.name,
        "hash_range": f"[{first} : {last}]",
        "sequence_number_range": f"[{span.oldest} : {span.after}]",
        "parent_partitions": "",
    }


def shown_put(put: Put) -> dict[str, str]:
    return {
        "partition_id": partitions.name_of(put.partition),
        "sequence_number": str(put.number),
    }


def shown_record(kept: Kept) -> dict[str, Any]:
    return {
        "partition_key": kept.key or None,
        "sequence_number": str(kept.number),
        "data": kept.encoded,
        "timestamp": int(kept.at.timestamp() * 1000),
        "timestamp_type": "CreateTime",
    }
