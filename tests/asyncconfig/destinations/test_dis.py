"""Notifications to streams of this installation, and how their records are kept."""

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from asyncconfig.exceptions import (
    CursorExpired,
    PartitionRefused,
    PartitionUnknown,
    PositionOutOfRange,
    RecordsAway,
    StreamUnknown,
)
from asyncconfig.lanes import delivering
from asyncconfig.models import Delivery, Stream
from asyncconfig.services.streams import cursors, keeping, partitions, records
from asyncconfig.services.streams.cursors import CursorKind
from asyncconfig.services.streams.records import NewRecord
from tests.support.factories import (
    RAISES,
    accept,
    configure_stream,
    latest,
    make_function,
    make_project,
    make_stream,
)
from tests.support.valkey import Valkey

pytestmark = [pytest.mark.engine, pytest.mark.django_db]


@pytest.fixture
def store(settings, tmp_path_factory):
    """A Valkey that keeps its data when it is killed."""
    server = Valkey(tmp_path_factory.mktemp("v"), keep=True)
    settings.REDIS_URL = server.url
    server.start()
    yield server
    server.kill()


@pytest.fixture
def told(engine, store):
    """A function that fails, and a stream that is told."""
    stream = make_stream()
    function = make_function(source=RAISES)
    configure_stream(function, max_retries=0)
    return function, stream


def kept(stream, partition=0):
    return records.read(stream, partition, start=0, most_bytes=10_000_000)


def put(stream, *data, partition=0):
    return records.put(stream, [NewRecord(one, partition, "k") for one in data])


def test_the_record_arrives_as_it_is_shown(told, engine):
    function, stream = told
    invocation = accept(function, b'{"n": "\xe6\x96\x87"}')

    engine.run()

    delivery = Delivery.objects.get()
    (record,) = kept(stream)
    assert record.data == bytes(delivery.record)
    assert record.key == str(invocation.request_id)
    assert json.loads(record.data)["request_context"]["request_id"] == str(
        invocation.request_id
    )
    assert delivery.status == "DELIVERED"
    assert delivery.reference == "shardId-0000000000/0"


def test_a_stream_that_is_gone_is_a_dead_letter_until_it_is_back(told, engine):
    function, stream = told
    accept(function)
    keeping.delete(stream)
    engine.run()
    dead = Delivery.objects.get()

    back = make_stream()
    delivering.resend(dead, by="admin")
    engine.run()

    assert (dead.status, dead.reason) == (
        "FAILED",
        "Stream results does not exist.",
    )
    assert Delivery.objects.get().status == "DELIVERED"
    assert len(kept(back)) == 1


def test_a_store_that_is_down_for_a_while_gets_the_record_later(told, engine, store):
    function, stream = told
    put(stream, b"before")
    store.kill()
    accept(function)
    engine.run()
    waiting = Delivery.objects.get()

    store.start()
    engine.run_out()

    assert (waiting.status, waiting.attempts) == ("WAIT", 1)
    assert "does not answer" in waiting.reason
    assert Delivery.objects.get().status == "DELIVERED"
    assert [one.number for one in kept(stream)] == [0, 1]


def test_a_settlement_that_is_lost_sends_the_same_request_id_again(told, engine):
    function, stream = told
    accept(function)
    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])
    (claim,) = engine.claim(engine.deliver)
    engine.deliver.run(claim)

    Delivery.objects.update(status="WAIT", worker=None)
    engine.run()

    one, two = kept(stream)
    assert (one.key, one.data) == (two.key, two.data)
    assert Delivery.objects.get().reference.endswith("/1")


def test_a_right_taken_away_is_a_dead_letter(told, engine):
    function, stream = told
    accept(function)
    agency = latest(function).agency
    agency.actions = []
    agency.save()

    engine.run()

    assert "dis:streams:putRecords" in Delivery.objects.get().reason
    assert kept(stream) == []


def test_numbers_are_unique_and_grow_under_many_writers(store):
    stream = make_stream(partitions=2)

    def write(number):
        try:
            return put(stream, b"a", b"b", partition=number % 2)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(write, range(40)))

    for partition in (0, 1):
        numbers = [
            one.number for both in done for one in both if one.partition == partition
        ]
        assert sorted(numbers) == list(range(40))
        assert [one.number for one in kept(stream, partition)] == list(range(40))


def test_records_go_when_their_time_is_over_and_numbers_go_on(store):
    stream = make_stream(hours=48)
    put(stream, b"0", b"1")
    clock.shift(47 * 3600)
    put(stream, b"2")

    clock.shift(2 * 3600)
    (span,) = records.spans([stream])[0]
    shown = kept(stream)
    clock.shift(48 * 3600)
    nothing = kept(stream)
    put(stream, b"3")

    assert [one.data for one in shown] == [b"2"]
    assert (span.oldest, span.after, span.fresh) == (2, 3, 1)
    assert nothing == []
    assert [one.number for one in kept(stream)] == [3]


def test_what_expired_leaves_the_store_with_the_next_write(valkey):
    stream = make_stream()
    put(stream, *[b"x"] * 300)
    clock.shift(25 * 3600)

    put(stream, b"y")

    (key,) = [key for key in valkey.scan_iter() if b":state" not in key]
    assert valkey.xlen(key) == 1


def test_a_clock_that_goes_back_leaves_times_in_order(valkey):
    stream = make_stream()
    clock.shift(60)
    put(stream, b"0")
    clock.shift(-60)
    put(stream, b"1")

    one, two = kept(stream)

    assert one.at == two.at
    assert records.first_since(stream, 0, one.at) == 0


def test_records_survive_a_kill_of_the_store(store):
    stream = make_stream()
    put(stream, b"0", b"\xff")

    store.kill()
    store.start()

    assert [one.data for one in kept(stream)] == [b"0", b"\xff"]
    assert put(stream, b"2")[0].number == 2


def test_a_deleted_stream_leaves_nothing_and_takes_nothing(valkey):
    stream = make_stream(partitions=2)
    put(stream, b"0")
    put(stream, b"1", partition=1)
    late = Stream.objects.select_related("project").get()

    keeping.delete(stream)

    with pytest.raises(StreamUnknown):
        put(late, b"2")
    assert [key for key in valkey.scan_iter() if b":state" not in key] == []


def test_a_stream_is_not_deleted_while_its_records_cannot_be():
    stream = make_stream()

    with pytest.raises(RecordsAway):
        keeping.delete(stream)

    assert Stream.objects.filter(pk=stream.pk).exists()


def test_two_projects_have_streams_of_one_name(valkey):
    here, there = make_stream(), make_stream(project=make_project("other"))
    put(here, b"here")

    foreign = latest(make_function(project=make_project("third")))

    assert kept(there) == []
    with pytest.raises(ValidationError, match="does not exist"):
        KINDS["DIS"].read('{"stream_name": "results"}', foreign)


def test_a_cursor_is_good_for_five_minutes(valkey):
    stream = make_stream()
    cursor = cursors.locate(stream, 0, CursorKind.LATEST, number="", timestamp=None)
    text = cursors.write(cursor)

    clock.shift(4.5 * 60)
    assert cursors.read(stream.project, text) == cursor
    clock.shift(0.5 * 60)
    with pytest.raises(CursorExpired):
        cursors.read(stream.project, text)


def test_a_number_that_expired_is_out_of_range(valkey):
    stream = make_stream()
    put(stream, b"0")
    clock.shift(25 * 3600)
    put(stream, b"1")

    with pytest.raises(PositionOutOfRange):
        cursors.locate(stream, 0, CursorKind.AT_NUMBER, number="0", timestamp=None)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_partitions_share_all_hash_keys(count):
    ranges = [partitions.hash_range(n, count=count) for n in range(count)]

    assert ranges[0][0] == 0
    assert ranges[-1][1] == 2**63 - 1
    for number, (first, last) in enumerate(ranges):
        assert partitions.of_hash(first, count=count) == number
        assert partitions.of_hash(last, count=count) == number


def test_keys_spread_over_partitions():
    chosen = [partitions.of_key(str(uuid4()), count=4) for _turn in range(400)]

    assert {0, 1, 2, 3} == set(chosen)
    assert min(chosen.count(number) for number in range(4)) > 50


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", PartitionRefused),
        ("x", PartitionRefused),
        ("-1", PartitionRefused),
        ("shardId-", PartitionRefused),
        ("٣", PartitionRefused),
        ("2", PartitionUnknown),
        ("shardId-0000000002", PartitionUnknown),
    ],
)
def test_a_wrong_partition_id_is_refused(text, error):
    with pytest.raises(error):
        partitions.parse(text, count=2)


@pytest.mark.parametrize(
    "param", ["", "x", "[]", "{}", '{"stream_name": 1}', '{"stream_name": "a b"}']
)
def test_wrong_parameters_are_refused(param):
    with pytest.raises(ValidationError, match="Choose a stream"):
        KINDS["DIS"].read(param, latest(make_function()))


def test_the_form_lists_the_projects_streams_and_says_what_they_are():
    function = make_function()
    make_stream("other", project=make_project("elsewhere"))
    make_stream("results", project=function.project, partitions=2)
    destination, version = KINDS["DIS"], latest(function)

    form = destination.form(version, data={"stream": "results"})
    wrong = destination.form(version, data={"stream": "other"})

    assert [value for value, _label in form.fields["stream"].choices] == ["", "results"]
    assert form.is_valid()
    assert form.param() == '{"stream_name": "results"}'
    assert form.note() == "2 partitions, running."
    assert destination.initial(form.param(), version) == {"stream": "results"}
    assert wrong.errors["stream"] == ["Choose a stream."]
    assert wrong.note() == ""
