"""The pages of streams and their records."""

import json

import pytest

from asyncconfig.models import Stream
from asyncconfig.services.streams import records
from asyncconfig.services.streams.records import NewRecord
from console import access
from console.security import tokens
from tests.support.factories import (
    accept,
    configure_stream,
    latest,
    make_function,
    make_project,
    make_stream,
    make_user,
)
from tests.support.html import squeezed

pytestmark = pytest.mark.django_db
INDEX = "/services/streams"
PAGE = f"{INDEX}/results"
NEW = {"name": "fresh", "partitions": "2", "retention_hours": "48"}
RECORD = {"content": '{"a": 1}', "partition_key": "k"}


def put(stream, *data, key="k", partition=0):
    records.put(stream, [NewRecord(one, partition, key) for one in data])


def test_a_stream_is_created(pages, valkey):
    response = pages.post("/services/new-stream", NEW)

    stream = Stream.objects.get()
    assert response.url == f"{INDEX}/fresh"
    assert (stream.partitions, stream.retention_hours) == (2, 48)
    assert "Stream fresh created." in pages.get(response.url).text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "a b", "Use 1–64 letters"),
        ("name", "", "Use 1–64 letters"),
        ("name", "results", "already exists"),
        ("partitions", "51", "from 1 to 50"),
        ("partitions", "x", "from 1 to 50"),
        ("retention_hours", "23", "from 24 to 168"),
    ],
)
def test_a_wrong_stream_is_refused(pages, field, value, sentence):
    make_stream()

    response = pages.post("/services/new-stream", NEW | {field: value})

    assert response.status_code == 422
    assert sentence in response.text
    assert Stream.objects.count() == 1


def test_the_list_says_how_many_and_who(pages, valkey):
    stream = make_stream()
    for _turn in range(3):
        put(stream, *[b"x"] * 411)
    configure_stream(make_function("bad"), on="on_failure")

    page = pages.get(INDEX).text

    assert "1,233" in page
    assert "✗" in page
    assert "/f/default/bad/settings/async" in page


def test_a_record_is_shown_and_leads_to_its_invocation(pages, valkey):
    stream = make_stream()
    invocation = accept(make_function("told"))
    put(stream, b'{"a": "<b>"}', key=str(invocation.request_id))
    put(stream, b"\xff", key="0" * 36)

    page = pages.get(PAGE, {"record": 0}).text

    assert f"/invocations/{invocation.request_id}" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_another_projects_invocation_is_not_named(pages, valkey):
    stream = make_stream()
    foreign = make_function("secret", project=make_project("other"))
    invocation = accept(foreign)
    put(stream, b"{}", key=str(invocation.request_id))

    assert "secret" not in pages.get(PAGE).text


def test_records_are_paged_newest_first(pages, valkey):
    stream = make_stream()
    put(stream, *[b"x"] * 60)

    first = pages.get(PAGE).context
    older = pages.get(PAGE, {"before": first["page"].older}).context

    assert [row["record"].number for row in first["rows"]] == list(range(59, 9, -1))
    assert [row["record"].number for row in older["rows"]] == list(range(9, -1, -1))
    assert (first["page"].older, older["page"].older) == (10, None)


def test_large_records_are_paged_by_their_weight(pages, valkey):
    stream = make_stream()
    for _turn in range(6):
        put(stream, b"x" * 1024 * 1024)

    first = pages.get(PAGE).context

    assert [row["record"].number for row in first["rows"]] == [5, 4, 3, 2]
    assert first["page"].older == 2


def test_partitions_say_what_their_numbers_are(pages, valkey):
    put(make_stream(partitions=2), b"x", partition=0)

    page = squeezed(pages.get(PAGE).text)

    assert "Partition 0 · 1 record</a>" in page
    assert "Partition 1 · 0 records</a>" in page


def test_the_partition_written_last_is_shown(pages, valkey):
    stream = make_stream(partitions=3)
    put(stream, b"x", partition=2)

    assert pages.get(PAGE).context["span"].partition == 2
    assert pages.get(PAGE, {"partition": "0"}).context["span"].partition == 0
    assert pages.get(PAGE, {"partition": "9" * 40}).status_code == 200


def test_a_test_record_is_put(pages, valkey):
    stream = make_stream()

    response = pages.post(f"{PAGE}/records", RECORD)

    assert response.url == f"{PAGE}?partition=0"
    (record,) = records.read(stream, 0, start=0, most_bytes=100)
    assert (record.key, record.data) == ("k", b'{"a": 1}')


def test_the_records_below_a_dialog_lead_to_the_streams_page(pages, valkey):
    put(make_stream(), b"x")

    page = pages.get(f"{PAGE}/records").text

    assert f'hx-get="{PAGE}' in page
    assert f'href="{PAGE}?record=0&amp;partition=0"' in page
    assert 'href="?' not in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"content": ""}, "Enter what the record holds."),
        ({"partition_key": ""}, "Enter a partition key."),
        ({"content": "x" * (1024 * 1024 + 1)}, "over 1 MB"),
    ],
)
def test_a_wrong_record_is_refused(pages, valkey, change, sentence):
    make_stream()

    response = pages.post(f"{PAGE}/records", RECORD | change)

    assert response.status_code == 422
    assert sentence in response.text


def test_a_stream_is_deleted_with_its_records(pages, valkey):
    stream = make_stream()
    put(stream, b"x")

    asked = pages.get(f"{PAGE}/delete").text
    response = pages.post(f"{PAGE}/delete")

    assert "Delete results with all its records?" in asked
    assert response.url == INDEX
    assert not Stream.objects.exists()
    assert records.read(stream, 0, start=0, most_bytes=100) == []


def test_a_stream_in_use_is_not_deleted(pages, valkey):
    make_stream()
    configure_stream(make_function("bad"))

    response = pages.post(f"{PAGE}/delete")

    assert response.status_code == 409
    assert "/f/default/bad/settings/async" in response.text
    assert Stream.objects.exists()


def test_a_remote_stream_of_the_same_name_is_not_this_one(pages, valkey):
    function = make_function("bad")
    make_stream()
    agency = latest(function).agency
    reach = agency.reach
    agency.reach = type(reach)(endpoints={"DIS": "https://dis.example.com"})
    agency.save()
    configure_stream(function)

    assert pages.get(PAGE).context["uses"] == []


def test_without_the_store_the_pages_say_so(pages):
    make_stream()
    sentence = "The store of the records does not answer. Try again shortly."

    assert sentence in pages.get(INDEX).text
    assert sentence in pages.get(PAGE).text
    assert sentence in pages.post(f"{PAGE}/records", RECORD).text
    assert pages.post(f"{PAGE}/records", RECORD).status_code == 409
    assert sentence in pages.get(pages.post(f"{PAGE}/delete").url).text
    assert Stream.objects.exists()


def test_a_stranger_finds_nothing(client, project, valkey):
    make_stream(project=project)
    other = make_project("other")
    client.force_login(make_user(group=access.ADMINISTRATOR, project=other))

    for path in (PAGE, f"{PAGE}/records", f"{PAGE}/delete"):
        assert client.get(path).status_code == 404
        assert client.get(path.replace("results", "none")).status_code == 404
    assert "results" not in client.get(INDEX).text


def test_a_reader_reads_and_no_more(client, project, valkey):
    make_stream()
    client.force_login(make_user(group=access.READER, project=project))
    client.cookies["django_language"] = "en"

    assert "Put test record" not in client.get(PAGE).text
    assert "Create stream" not in client.get(INDEX).text
    for path in (f"{PAGE}/records", f"{PAGE}/delete", "/services/new-stream"):
        assert client.get(path).status_code == 403
        assert client.post(path).status_code == 403
    assert Stream.objects.exists()


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_ask_a_fixed_number_of_queries(pages, valkey, rows, language, asks):
    pages.cookies["django_language"] = language
    for number in range(rows):
        stream = make_stream(f"s{number}")
        function = make_function()
        configure_stream(function, f"s{number}")
        invocation = accept(function)
        put(stream, *[b"{}"] * rows, key=str(invocation.request_id))

    with asks(6):
        pages.get(INDEX)
    with asks(8):
        pages.get(f"{INDEX}/s0")


def api(client, user, method, path, body=None):
    base = f"/v2/{user.projects.get().project_id}"
    return client.generic(
        method,
        base + path,
        json.dumps(body) if body else "",
        content_type="application/json",
        headers={"X-Auth-Token": tokens.issue(user)},
    )


BODY = {"stream_name": "results", "records": [{"data": "eA==", "partition_key": "k"}]}


def test_the_api_refuses_clearly_while_the_store_is_away(client, project):
    user = make_user(group=access.ADMINISTRATOR, project=project)
    make_stream()

    answers = [
        api(client, user, "POST", "/records", BODY),
        api(client, user, "GET", "/streams/results"),
        api(client, user, "DELETE", "/streams/results"),
        api(client, user, "GET", "/cursors?stream-name=results&partition-id=0"),
    ]

    assert [answer.status_code for answer in answers] == [503] * 4
    assert {answer.json()["error_code"] for answer in answers} == {"DIS.5000"}
    assert Stream.objects.exists()


def test_the_api_asks_for_the_right_of_each_operation(client, project, valkey):
    reader = make_user(group=access.READER, project=project)
    invoker = make_user(group=access.INVOKER, project=project)
    make_stream()
    new = {"stream_name": "fresh", "partition_count": 1}

    refused = [
        api(client, reader, "POST", "/records", BODY),
        api(client, invoker, "POST", "/streams", new),
        api(client, invoker, "DELETE", "/streams/results"),
    ]

    assert [answer.json()["error_code"] for answer in refused] == ["FSS.1126"] * 3
    assert api(client, reader, "GET", "/streams/results").status_code == 200
    assert api(client, invoker, "POST", "/records", BODY).status_code == 200
