"""What the dialog asks for when the target is a bucket."""

import json
from datetime import timedelta

import pytest

from asyncconfig import clock
from asyncconfig.destinations import KINDS
from tests.support.factories import (
    latest,
    make_bucket,
    make_function,
    make_project,
    make_reach,
)

pytestmark = [pytest.mark.engine, pytest.mark.django_db]
OBS = KINDS["OBS"]


def form(version, **data):
    named = {f"failure-{name}": value for name, value in data.items()}
    return OBS.form(version, data=named, prefix="failure")


def test_the_form_offers_the_projects_buckets(obs):
    mine = make_bucket()
    make_bucket(project=make_project("theirs"))

    choices = OBS.form(latest(make_function())).fields["bucket"].widget.choices

    assert [value for value, _label in choices] == ["", mine.name]


def test_the_form_writes_param_and_shows_an_example(obs):
    bucket = make_bucket()
    function = make_function("test1")

    filled = form(latest(function), bucket=bucket.name, prefix="async", expires="30")

    assert filled.is_valid()
    assert json.loads(filled.param()) == {
        "bucket": bucket.name,
        "prefix": "async",
        "expires": 30,
    }
    day = (clock.now() + timedelta(hours=8)).date().isoformat()
    assert filled.note() == (
        f"Example: {bucket.name}/async/test1/{day}/<request_id>.json"
    )


@pytest.mark.parametrize(
    ("data", "field", "sentence"),
    [
        ({"bucket": ""}, "bucket", "Choose a bucket."),
        (
            {"prefix": "/a"},
            "prefix",
            "The prefix can't start with “/” or contain “..”.",
        ),
        (
            {"prefix": "a/../b"},
            "prefix",
            "The prefix can't start with “/” or contain “..”.",
        ),
        (
            {"expires": "366"},
            "expires",
            "Enter whole days from 0 to 365. 0 means never.",
        ),
        (
            {"expires": "-1"},
            "expires",
            "Enter whole days from 0 to 365. 0 means never.",
        ),
        (
            {"expires": ""},
            "expires",
            "Enter whole days from 0 to 365. 0 means never.",
        ),
        (
            {"bucket": "gone-again"},
            "bucket",
            "Bucket gone-again does not exist. Create it, then try again.",
        ),
    ],
)
def test_the_form_refuses_with_a_sentence(obs, data, field, sentence):
    good = {"bucket": make_bucket().name, "prefix": "", "expires": "0"}

    refused = form(latest(make_function()), **(good | data))

    assert refused.errors == {field: [sentence]}


def test_what_is_typed_for_another_account_is_kept():
    version = make_reach(make_function(), "http://obs.example.com")

    typed = form(version, bucket="My_Bucket", prefix="", expires="0")

    assert typed.is_valid()
    assert 'value="My_Bucket"' in str(typed["bucket"])


def test_the_dialog_shows_a_stored_prefix_without_its_slash():
    stored = '{"bucket": "bbb", "prefix": "/success", "expires": 7}'

    shown = OBS.initial(stored, latest(make_function()))

    assert shown == {"bucket": "bbb", "prefix": "success", "expires": 7}
