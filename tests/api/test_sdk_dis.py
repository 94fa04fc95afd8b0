"""The official SDK on streams, records and cursors of this installation."""

import base64
import itertools
import time

import huaweicloudsdkdis.v2 as sdk
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials

from tests.api.conftest import refused

_numbers = itertools.count(1)


@pytest.fixture
def stream(dis):
    """Return a function that creates a stream and gives its name."""

    def create(partitions=1, **fields):
        name = f"stream-{next(_numbers)}"
        body = sdk.CreateStreamReq(
            stream_name=name, partition_count=partitions, **fields
        )
        assert dis.create_stream(sdk.CreateStreamRequest(body=body)).status_code == 201
        return name

    return create


def encoded(data):
    return base64.b64encode(data).decode()


def put(dis, name, *data, stream_id=None, **where):
    where = where or {"partition_key": "key"}
    entries = [sdk.PutRecordsRequestEntry(data=encoded(one), **where) for one in data]
    body = sdk.PutRecordsRequest(stream_name=name, stream_id=stream_id, records=entries)
    return dis.send_records(sdk.SendRecordsRequest(body=body))


def cursor(dis, name, kind, partition="0", **where):
    request = sdk.ShowCursorRequest(
        stream_name=name, partition_id=partition, cursor_type=kind, **where
    )
    return dis.show_cursor(request).partition_cursor


def consume(dis, text, **limits):
    request = sdk.ConsumeRecordsRequest(partition_cursor=text, **limits)
    return dis.consume_records(request)


def numbers(answer):
    return [int(record.sequence_number) for record in answer.records]


def test_streams_are_created_listed_shown_and_deleted(dis, stream):
    one, two = stream(3, data_duration=72), stream()

    shown = dis.show_stream(sdk.ShowStreamRequest(stream_name=one))
    listed = dis.list_streams(sdk.ListStreamsRequest(limit=100))
    first = dis.list_streams(sdk.ListStreamsRequest(limit=1, start_stream_name=one))

    assert (shown.status, shown.retention_period) == ("RUNNING", 72)
    assert [p.partition_id for p in shown.partitions][-1] == "shardId-0000000002"
    assert shown.partitions[0].hash_range.startswith("[0 : ")
    assert shown.partitions[2].hash_range.endswith(f" : {2**63 - 1}]")
    assert {one, two} <= set(listed.stream_names)
    assert listed.total_number == len(listed.stream_info_list)
    assert first.stream_names == [two]
    answer = dis.delete_stream(sdk.DeleteStreamRequest(stream_name=one))
    assert answer.status_code == 204
    with refused(400, "DIS.4301"):
        dis.show_stream(sdk.ShowStreamRequest(stream_name=one))


def test_partitions_are_shown_in_parts(dis, stream):
    request = sdk.ShowStreamRequest(
        stream_name=stream(3),
        start_partition_id="shardId-0000000000",
        limit_partitions=1,
    )

    shown = dis.show_stream(request)

    assert [p.partition_id for p in shown.partitions] == ["shardId-0000000001"]
    assert shown.has_more_partitions


def test_records_come_back_as_they_were_put(dis, stream):
    name = stream()
    data = [b"first", b"\x00\xff", "文".encode()]

    answer = put(dis, name, *data)
    read = consume(dis, cursor(dis, name, "TRIM_HORIZON"))

    assert answer.failed_record_count == 0
    assert [one.sequence_number for one in answer.records] == ["0", "1", "2"]
    assert [base64.b64decode(one.data) for one in read.records] == data
    assert {one.partition_key for one in read.records} == {"key"}
    assert abs(read.records[0].timestamp / 1000 - time.time()) < 60
    put(dis, name, b"later")
    assert numbers(consume(dis, read.next_partition_cursor)) == [3]


def test_the_partition_is_the_one_asked_for(dis, stream):
    name = stream(2)

    by_id = put(dis, name, b"a", partition_id="shardId-0000000001", partition_key="k")
    by_number = put(dis, name, b"b", partition_id="1")
    by_hash = put(dis, name, b"c", explicit_hash_key=str(2**63 - 1))
    by_key = [put(dis, name, b"d", partition_key="same") for _turn in range(2)]

    for answer in (by_id, by_number, by_hash):
        assert answer.records[0].partition_id == "shardId-0000000001"
    assert by_key[0].records[0].partition_id == by_key[1].records[0].partition_id
    read = consume(dis, cursor(dis, name, "TRIM_HORIZON", "shardId-0000000001"))
    assert [one.partition_key for one in read.records][:2] == ["k", None]


def test_a_stream_is_found_by_its_id(dis, stream):
    name = stream()
    shown = dis.show_stream(sdk.ShowStreamRequest(stream_name=name))

    answer = put(dis, "another-name", b"x", stream_id=shown.stream_id)

    assert answer.records[0].sequence_number == "0"


def test_every_kind_of_cursor_begins_where_it_says(dis, stream):
    name = stream()
    put(dis, name, b"0", b"1")
    later = consume(dis, cursor(dis, name, "TRIM_HORIZON")).records[-1].timestamp + 1
    while time.time() * 1000 <= later:
        pass
    put(dis, name, b"2")

    def begins(kind, **where):
        return numbers(consume(dis, cursor(dis, name, kind, **where)))

    assert begins("AT_SEQUENCE_NUMBER", starting_sequence_number="1") == [1, 2]
    assert begins("AFTER_SEQUENCE_NUMBER", starting_sequence_number="1") == [2]
    assert begins("TRIM_HORIZON") == [0, 1, 2]
    assert begins("LATEST") == []
    assert begins("AT_TIMESTAMP", timestamp=later) == [2]


def test_a_fetch_is_limited_by_bytes(dis, stream):
    name = stream()
    put(dis, name, b"x" * 600, b"y" * 600)
    start = cursor(dis, name, "TRIM_HORIZON")

    first = consume(dis, start, max_fetch_bytes=1000)
    none = consume(dis, start, max_fetch_bytes=500)

    assert numbers(first) == [0]
    assert numbers(consume(dis, first.next_partition_cursor)) == [1]
    assert numbers(none) == []
    assert numbers(consume(dis, none.next_partition_cursor)) == [0, 1]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stream_name": "a b"}, "DIS.4200"),
        ({"stream_name": "a" * 65}, "DIS.4200"),
        ({"partition_count": 0}, "DIS.4200"),
        ({"partition_count": 51}, "DIS.4200"),
        ({"data_duration": 23}, "DIS.4200"),
        ({"data_duration": 169}, "DIS.4200"),
    ],
)
def test_a_wrong_stream_is_refused(dis, fields, code):
    known = {"stream_name": "wrong", "partition_count": 1}
    with refused(400, code):
        body = sdk.CreateStreamReq(**(known | fields))
        dis.create_stream(sdk.CreateStreamRequest(body=body))


def test_a_name_is_taken_once(dis, stream):
    body = sdk.CreateStreamReq(stream_name=stream(), partition_count=1)
    with refused(400, "DIS.4307"):
        dis.create_stream(sdk.CreateStreamRequest(body=body))


def test_wrong_records_are_refused_as_a_whole(dis, stream):
    name = stream()
    with refused(400, "DIS.4301"):
        put(dis, "nobody", b"x")
    with refused(400, "DIS.4302"):
        put(dis, name, b"x", partition_id="1")
    with refused(400, "DIS.4201"):
        put(dis, name, b"x", partition_id="zero")
    with refused(400, "DIS.4200"):
        put(dis, name, b"x", explicit_hash_key=str(2**63))
    with refused(400, "DIS.4200"):
        put(dis, name, b"x", partition_key="")
    with refused(400, "DIS.4200"):
        put(dis, name)
    with refused(400, "DIS.4200"):
        put(dis, name, *[b"x"] * 501)
    with refused(400, "DIS.4200"):
        put(dis, name, b"x" * (1024 * 1024 + 1))
    with refused(400, "DIS.4200"):
        put(dis, name, *[b"x" * 900_000] * 6)
    with refused(413, "DIS.4300"):
        put(dis, name, *[b"x" * 1_000_000] * 7)
    with refused(400, "DIS.4200"):
        entry = sdk.PutRecordsRequestEntry(data="not base64!", partition_key="k")
        body = sdk.PutRecordsRequest(stream_name=name, records=[entry])
        dis.send_records(sdk.SendRecordsRequest(body=body))

    assert numbers(consume(dis, cursor(dis, name, "TRIM_HORIZON"))) == []


def test_wrong_cursors_are_refused(dis, stream):
    name = stream()
    put(dis, name, b"x")
    good = cursor(dis, name, "LATEST")
    with refused(400, "DIS.4301"):
        cursor(dis, "nobody", "LATEST")
    with refused(400, "DIS.4302"):
        cursor(dis, name, "LATEST", "7")
    with refused(400, "DIS.4215"):
        cursor(dis, name, "NEWEST")
    for wrong in (None, "-1", "x", "9" * 30):
        with refused(400, "DIS.4216"):
            cursor(dis, name, "AT_SEQUENCE_NUMBER", starting_sequence_number=wrong)
    with refused(400, "DIS.4224"):
        cursor(dis, name, "AFTER_SEQUENCE_NUMBER", starting_sequence_number="1")
    with refused(400, "DIS.4216"):
        cursor(dis, name, "AT_TIMESTAMP")
    for wrong in ("x", good[:-1], good[1:], ":" + good):
        with refused(400, "DIS.4217"):
            consume(dis, wrong)
    with refused(400, "DIS.4200"):
        consume(dis, good, max_fetch_bytes=0)
    dis.delete_stream(sdk.DeleteStreamRequest(stream_name=name))
    with refused(400, "DIS.4217"):
        consume(dis, good)


def test_another_key_or_project_gets_nothing(known):
    def client(secret, project_id):
        credentials = BasicCredentials(known["access_key"], secret, project_id)
        builder = sdk.DisClient.new_builder().with_credentials(credentials)
        return builder.with_endpoint(known["url"]).build()

    with refused(404, "FSS.0404"):
        client(known["secret_key"], "0" * 32).list_streams(sdk.ListStreamsRequest())
    with refused(401, "APIGW.0301"):
        client("wrong", known["project_id"]).list_streams(sdk.ListStreamsRequest())
