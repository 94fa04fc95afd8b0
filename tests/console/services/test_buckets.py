"""Destinations → Buckets: list, browse, create, delete."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.urls import reverse

from asyncconfig.models import Bucket, ObjectExpiry
from asyncconfig.services.buckets import expiries
from console.access import ADMINISTRATOR, READER
from functions.models.agency import PUT_OBJECT
from tests.asyncconfig.destinations.test_obs import closed_port
from tests.support.factories import (
    accept,
    allow,
    make_bucket,
    make_config,
    make_function,
    make_project,
    make_user,
    obs_destination,
)
from tests.support.html import squeezed

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client, project):
    client.force_login(make_user(group=ADMINISTRATOR, project=project))
    return client


def put(obs, bucket, key, body=b'{"hello": "world"}'):
    obs.client.put_object(Bucket=bucket.name, Key=key, Body=body)


def used(bucket):
    function = make_function("test1", project=bucket.project)
    allow(function, PUT_OBJECT)
    make_config(function, on_failure=obs_destination(function, bucket))
    return function


def test_the_list_says_who_writes_to_a_bucket_and_how_full_it_is(
    signed_in, obs, project
):
    bucket = make_bucket(project=project)
    used(bucket)
    put(obs, bucket, "a/b.json")

    page = squeezed(signed_in.get("/services/buckets").text)

    assert bucket.name in page
    mark = '✗<span class="sr">On failure</span></span>&nbsp;'
    assert f'{mark}<a href="/f/default/test1/settings/async' in page
    assert 'data-label="Objects">1</td>' in page


def test_the_list_counts_up_to_a_hundred(signed_in, obs, project):
    bucket = make_bucket(project=project)
    for number in range(101):
        put(obs, bucket, f"{number}")

    page = squeezed(signed_in.get("/services/buckets").text)
    assert 'data-label="Objects">100+</td>' in page


def test_a_bucket_is_created(signed_in, obs, project):
    answer = signed_in.post("/services/new-bucket", {"name": "errors-bucket-1"})

    assert answer.status_code == 302
    assert Bucket.objects.get().project == project
    obs.client.head_bucket(Bucket="errors-bucket-1")


@pytest.mark.parametrize("name", ["", "ab", "Upper", "a..b", "10.0.0.1", "-abc", "a/b"])
def test_a_name_that_no_bucket_has_is_refused(signed_in, obs, name):
    answer = signed_in.post("/services/new-bucket", {"name": name})

    assert answer.status_code == 422
    assert "Use 3–63 lowercase letters" in answer.text
    assert not Bucket.objects.exists()


def test_a_name_of_another_project_is_taken(signed_in, obs):
    theirs = make_bucket(project=make_project("theirs"))

    answer = signed_in.post("/services/new-bucket", {"name": theirs.name})

    assert answer.status_code == 422
    assert f"Bucket {theirs.name} already exists." in answer.text
    assert Bucket.objects.count() == 1


def test_a_bucket_whose_storage_was_lost_is_created_anew(signed_in, obs, project):
    bucket = make_bucket(project=project)
    obs.client.delete_bucket(Bucket=bucket.name)

    answer = signed_in.post("/services/new-bucket", {"name": bucket.name})

    assert answer.status_code == 302
    obs.client.head_bucket(Bucket=bucket.name)


def test_an_empty_bucket_is_deleted(signed_in, obs, project):
    bucket = make_bucket(project=project)

    answer = signed_in.post(f"/services/buckets/{bucket.name}/delete")

    assert answer.status_code == 302
    assert not Bucket.objects.exists()
    names = [one["Name"] for one in obs.client.list_buckets()["Buckets"]]
    assert bucket.name not in names


def test_a_bucket_with_objects_is_not_deleted(signed_in, obs, project):
    bucket = make_bucket(project=project)
    put(obs, bucket, "a/b.json")

    answer = signed_in.post(f"/services/buckets/{bucket.name}/delete")

    assert answer.status_code == 422
    assert "is not empty. Delete its objects first." in answer.text
    assert Bucket.objects.exists()


def test_a_bucket_in_use_is_not_deleted(signed_in, obs, project):
    bucket = make_bucket(project=project)
    used(bucket)
    asked = signed_in.get(f"/services/buckets/{bucket.name}/delete").text
    answer = signed_in.post(f"/services/buckets/{bucket.name}/delete")

    assert "/f/default/test1/settings/async" in asked
    assert "btn danger" not in asked
    assert answer.status_code == 409
    assert "/f/default/test1/settings/async" in answer.text
    assert Bucket.objects.exists()


def test_folders_lead_to_objects_and_those_to_their_invocation(
    signed_in, obs, project, engine
):
    bucket = make_bucket(project=project)
    function = used(bucket)
    invocation = accept(function)
    key = f"async/test1/2026-03-04/{invocation.request_id}.json"
    put(obs, bucket, key)
    expiries.note(bucket, key, timedelta(days=30))

    top = signed_in.get(f"/services/buckets/{bucket.name}").text
    page = signed_in.get(
        f"/services/buckets/{bucket.name}", {"prefix": "async/test1/2026-03-04/"}
    ).text

    assert '<a class="row" href="?prefix=async/">' in top
    assert '<a href="?prefix=async/test1/">test1</a>' in page
    assert f"/invocations/{invocation.request_id}" in page
    assert "30 days" in page
    assert "18 B" in page


def test_an_object_is_shown_in_the_page(signed_in, obs, project):
    bucket = make_bucket(project=project)
    put(obs, bucket, "a.json", b'{"text": "<script>"}')

    page = signed_in.get(f"/services/buckets/{bucket.name}", {"object": "a.json"})

    assert '<span class="tok-str">&quot;&lt;script&gt;&quot;</span>' in page.text


def test_an_object_is_downloaded_as_a_file(signed_in, obs, project):
    bucket = make_bucket(project=project)
    obs.client.put_object(
        Bucket=bucket.name,
        Key='a/"b".html',
        Body=b"<script>alert(1)</script>",
        ContentType="text/html",
    )

    answer = signed_in.get(
        f"/services/buckets/{bucket.name}/download", {"key": 'a/"b".html'}
    )

    assert answer.getvalue() == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="_b_.html"'


def test_an_object_is_deleted_with_its_expiry(signed_in, obs, project):
    bucket = make_bucket(project=project)
    put(obs, bucket, "a/b.json")
    expiries.note(bucket, "a/b.json", timedelta(days=30))
    url = f"/services/buckets/{bucket.name}/delete-object?key=a/b.json"

    asked = signed_in.get(url)
    answer = signed_in.post(url)

    assert "Delete a/b.json?" in asked.text
    assert answer["Location"] == f"/services/buckets/{bucket.name}?prefix=a%2F"
    assert obs.objects(bucket.name) == {}
    assert not ObjectExpiry.objects.exists()


def test_a_full_folder_is_paged(signed_in, obs, project, monkeypatch):
    monkeypatch.setattr("console.pages.services.buckets.OBJECTS", 2)
    bucket = make_bucket(project=project)
    for name in ("a", "b", "c", "d", "e"):
        put(obs, bucket, f"x/{name}.json")
    url, seen = f"/services/buckets/{bucket.name}?prefix=x/", []

    while url:
        answer = signed_in.get(url)
        seen += [one["name"] for one in answer.context["objects"]]
        further = answer.context["further"]
        url = further and f"/services/buckets/{bucket.name}?{further}"

    assert seen == ["a.json", "b.json", "c.json", "d.json", "e.json"]


@pytest.mark.parametrize("key", ["../other/a", "a/../../b", "/a", "a\x00", "k" * 1025])
@pytest.mark.parametrize("where", ["?prefix=", "?object=", "/download?key="])
def test_no_key_leads_out_of_its_bucket(signed_in, obs, project, where, key):
    bucket = make_bucket(project=project)

    answer = signed_in.get(f"/services/buckets/{bucket.name}{where}{quote(key)}")

    assert answer.status_code == 404


def test_an_object_that_is_gone_is_said(signed_in, obs, project):
    bucket = make_bucket(project=project)
    page = signed_in.get(f"/services/buckets/{bucket.name}", {"object": "gone"})
    file = signed_in.get(f"/services/buckets/{bucket.name}/download", {"key": "gone"})

    assert "This object no longer exists." in page.text
    assert file.status_code == 404


PATHS = ["", "/delete", "/download?key=a", "/delete-object?key=a"]


@pytest.mark.parametrize("path", PATHS)
def test_another_projects_bucket_does_not_exist(signed_in, obs, path):
    theirs = make_bucket(project=make_project("theirs"))
    put(obs, theirs, "a")

    assert signed_in.get(f"/services/buckets/{theirs.name}{path}").status_code == 404
    assert theirs.name not in signed_in.get("/services/buckets").text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/services/new-bucket"),
        ("post", "/services/new-bucket"),
        ("post", "/services/buckets/{}/delete"),
        ("post", "/services/buckets/{}/delete-object?key=a"),
    ],
)
def test_a_reader_looks_but_changes_nothing(client, obs, project, method, path):
    bucket = make_bucket(project=project)
    put(obs, bucket, "a")
    client.force_login(make_user(group=READER, project=project))

    answer = getattr(client, method)(path.format(bucket.name))
    page = client.get(f"/services/buckets/{bucket.name}")

    assert answer.status_code == 403
    assert page.status_code == 200
    assert "/delete" not in page.text
    assert list(obs.objects(bucket.name)) == ["a"]


@pytest.mark.parametrize("endpoint", ["", closed_port()], ids=["none", "closed"])
def test_a_storage_that_is_away_is_a_sentence(
    signed_in, obs, project, settings, endpoint
):
    bucket = make_bucket(project=project)
    settings.OBS_ENDPOINT = endpoint
    sentence = "Nothing can be reached at" if endpoint else "has no object storage"

    for path in ("/services/buckets", f"/services/buckets/{bucket.name}?object=a"):
        assert sentence in signed_in.get(path).text
    created = signed_in.post("/services/new-bucket", {"name": "another-one"})
    deleted = signed_in.post(f"/services/buckets/{bucket.name}/delete")
    file = signed_in.get(f"/services/buckets/{bucket.name}/download?key=a", follow=True)
    gone = signed_in.post(
        f"/services/buckets/{bucket.name}/delete-object?key=a", follow=True
    )

    assert (created.status_code, deleted.status_code) == (422, 422)
    for answer in (created, deleted, file, gone):
        assert sentence in answer.text
    assert Bucket.objects.count() == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_pages_ask_a_fixed_number_of_times(signed_in, obs, project, asks, rows):
    bucket = make_bucket(project=project)
    function = used(bucket)
    for _turn in range(rows):
        make_bucket(project=project)
        put(obs, bucket, f"{accept(function).request_id}.json")

    with asks(6):
        signed_in.get("/services/buckets")
    with asks(9):
        page = signed_in.get(f"/services/buckets/{bucket.name}")

    assert page.text.count("→</a>") == rows


def test_older_buckets_are_on_the_next_page(signed_in, obs, project, monkeypatch):
    monkeypatch.setattr("console.pages.services.buckets.PAGE", 2)
    made = [make_bucket(project=project).name for _turn in range(3)]

    first = signed_in.get("/services/buckets")
    older = signed_in.get("/services/buckets", {"before": first.context["page"].older})

    assert [one["bucket"].name for one in first.context["buckets"]] == made[:0:-1]
    assert [one["bucket"].name for one in older.context["buckets"]] == made[:1]


def test_the_dialog_configures_a_bucket(signed_in, obs, project):
    bucket = make_bucket(project=project)
    function = make_function("test1", project=project)
    allow(function, PUT_OBJECT)
    url = reverse("function-async-edit", args=["default", "test1"])
    fields = {
        "max_retries": "0",
        "max_age_seconds": "3600",
        "revision": "0",
        "failure_kind": "OBS",
        "failure-bucket": bucket.name,
        "failure-prefix": "async",
        "failure-expires": "30",
    }

    refused = signed_in.post(url, fields | {"failure-prefix": "/async"})
    saved = signed_in.post(url, fields)

    assert "The prefix can&#x27;t start with “/” or contain “..”." in refused.text
    assert saved.status_code == 302
    assert f"{bucket.name}/async/" in signed_in.get(saved["Location"]).text
    shown = signed_in.get(url).text
    assert f'<option value="{bucket.name}" selected>' in shown
    assert "/services/new-bucket" in shown


@pytest.mark.parametrize("page", ["params/success", "preview"])
def test_the_dialog_redraws_while_a_bucket_is_being_chosen(
    signed_in, obs, project, page
):
    bucket = make_bucket(project=project)
    make_function("test1", project=project)
    fields = {"max_retries": "1", "max_age_seconds": "60", "success_kind": "OBS"}
    url = f"/f/default/test1/settings/async/{page}"

    opened = signed_in.post(url, fields)
    chosen = signed_in.post(url, fields | {"success-bucket": bucket.name})

    assert (opened.status_code, chosen.status_code) == (200, 200)
