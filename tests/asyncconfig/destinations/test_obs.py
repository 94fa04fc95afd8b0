"""OBS as a destination: what arrives, what fails for good, what is sent again."""

import json
import socket
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.utils import translation

from asyncconfig import clock
from asyncconfig.config import saving
from asyncconfig.destinations import KINDS
from asyncconfig.destinations.obs import key_of
from asyncconfig.lanes import delivering
from asyncconfig.models import Bucket, Delivery, ObjectExpiry
from asyncconfig.worker import sweep
from functions.models.agency import PUT_OBJECT
from tests.support.factories import (
    RAISES,
    accept,
    allow,
    latest,
    make_bucket,
    make_config,
    make_function,
    make_project,
    obs_destination,
)

pytestmark = [pytest.mark.engine, pytest.mark.django_db]
OBS = KINDS["OBS"]


def param(bucket, prefix="async/", expires=0):
    names = {"bucket": str(bucket), "prefix": prefix, "expires": expires}
    return json.dumps(names)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def failing(bucket, *, expires=0):
    """Accept a request that fails and is told to a bucket."""
    function = make_function(source=RAISES)
    allow(function, PUT_OBJECT)
    told = obs_destination(function, bucket, expires=expires)
    make_config(function, max_retries=0, on_failure=told)
    return accept(function, b'{"key": "value"}')


def test_the_record_arrives_as_it_is_shown(engine, obs):
    bucket = make_bucket()
    invocation = failing(bucket)

    engine.run()

    delivery = Delivery.objects.get()
    day = invocation.accepted_at.astimezone().date().isoformat()
    ((key, (body, notes)),) = obs.objects(bucket.name).items()
    assert key == f"async/{invocation.function.name}/{day}/{invocation.request_id}.json"
    assert body == bytes(delivery.record)
    assert notes == {
        "delivery-id": str(delivery.delivery_id),
        "request-id": str(invocation.request_id),
    }
    assert (delivery.status, delivery.reference) == ("DELIVERED", key)


def test_the_content_type_is_json(engine, obs):
    bucket = make_bucket()
    failing(bucket)

    engine.run()

    key = Delivery.objects.get().reference
    head = obs.client.head_object(Bucket=bucket.name, Key=key)
    assert head["ContentType"] == "application/json"


def test_the_day_of_the_key_is_that_of_the_time_zone():
    late = datetime(2020, 8, 20, 16, tzinfo=UTC)

    key = key_of("async/", "test1", late, UUID(int=1))

    assert key == f"async/test1/2020-08-21/{UUID(int=1)}.json"


@pytest.mark.parametrize(
    ("prefix", "name"), [("/success", "success/"), ("", ""), ("a/b/", "a/b/")]
)
def test_a_leading_slash_is_kept_in_param_and_dropped_in_keys(obs, prefix, name):
    bucket = make_bucket()

    target = OBS.read(param(bucket, prefix), latest(make_function()))

    assert target.name == f"{bucket.name}/{name}"
    assert target.key == bucket.name


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("", "Choose a bucket."),
        ("[]", "Choose a bucket."),
        ('{"prefix": "a"}', "Choose a bucket."),
        ('{"bucket": 7}', "Choose a bucket."),
        ('{"bucket": "a/../b"}', "Choose a bucket."),
        (
            '{"bucket": "bbb", "prefix": "a/../b"}',
            "The prefix can't start with “/” or contain “..”.",
        ),
        (
            '{"bucket": "bbb", "prefix": "a\\u0000"}',
            "The prefix can't start with “/” or contain “..”.",
        ),
        (
            '{"bucket": "bbb", "prefix": "a\\ud800"}',
            "The prefix can't start with “/” or contain “..”.",
        ),
        (
            '{"bucket": "bbb", "expires": 366}',
            "Enter whole days from 0 to 365. 0 means never.",
        ),
        (
            '{"bucket": "bbb", "expires": 1.5}',
            "Enter whole days from 0 to 365. 0 means never.",
        ),
        (
            '{"bucket": "bbb", "expires": true}',
            "Enter whole days from 0 to 365. 0 means never.",
        ),
        (
            '{"bucket": "bbb"}',
            "Bucket bbb does not exist. Create it, then try again.",
        ),
    ],
)
def test_wrong_parameters_are_refused_with_a_sentence(wrong, sentence):
    with pytest.raises(ValidationError) as refused:
        OBS.read(wrong, latest(make_function()))

    assert refused.value.messages == [sentence]


def test_a_prefix_too_long_is_refused():
    with pytest.raises(ValidationError, match="256 bytes"):
        OBS.read(param("bbb", "文" * 90), latest(make_function()))


def test_another_projects_bucket_does_not_exist(obs):
    theirs = make_bucket(project=make_project("theirs"))
    function = make_function(project=make_project("ours"))

    with pytest.raises(ValidationError, match="does not exist"):
        OBS.read(param(theirs), latest(function))


@pytest.mark.parametrize("gone", ["storage", "row"])
def test_a_missing_bucket_is_a_dead_letter_until_it_is_made_again(engine, obs, gone):
    bucket = make_bucket()
    failing(bucket)
    obs.client.delete_bucket(Bucket=bucket.name)
    if gone == "row":
        Bucket.objects.all().delete()

    engine.run()

    dead = Delivery.objects.get()
    assert (dead.status, dead.attempts) == ("FAILED", 1)
    sentence = f"Bucket {bucket.name} does not exist. Create it, then try again."
    assert dead.reason == sentence
    make_bucket(bucket.name)
    delivering.resend(dead, by="admin")
    engine.run()
    assert Delivery.objects.get().status == "DELIVERED"
    assert len(obs.objects(bucket.name)) == 1


def test_a_storage_that_is_away_is_told_later(engine, obs, settings):
    bucket = make_bucket()
    failing(bucket)
    settings.OBS_ENDPOINT = closed_port()

    engine.run()
    waiting = Delivery.objects.get()
    settings.OBS_ENDPOINT = obs.endpoint
    engine.run_out()

    assert (waiting.status, waiting.attempts) == ("WAIT", 1)
    assert waiting.reason.startswith("Nothing can be reached at http://127.0.0.1:")
    assert Delivery.objects.get().status == "DELIVERED"
    ((body, _notes),) = obs.objects(bucket.name).values()
    assert body == bytes(waiting.record)


def test_without_a_storage_the_reason_says_how_to_have_one(engine, obs, settings):
    failing(make_bucket())
    settings.OBS_ENDPOINT = ""

    engine.run()

    waiting = Delivery.objects.get()
    assert waiting.status == "WAIT"
    assert waiting.reason.startswith("This installation has no object storage.")


def test_retries_exhausted_is_a_dead_letter(engine, obs, settings):
    failing(make_bucket())
    settings.OBS_ENDPOINT = closed_port()
    settings.DELIVERY_RETRY_FOR_SECONDS = 20

    engine.run_out()

    dead = Delivery.objects.get()
    assert (dead.status, dead.attempts) == ("FAILED", 3)


def test_a_lost_settlement_puts_the_same_object_again(engine, obs):
    bucket = make_bucket()
    failing(bucket, expires=30)
    engine.settle([(c, engine.invoke.run(c)) for c in engine.claim()])
    (claim,) = engine.claim(engine.deliver)
    engine.deliver.run(claim)
    first = obs.objects(bucket.name)

    clock.shift(11)
    sweep.sweep()
    engine.run()

    assert Delivery.objects.get().status == "DELIVERED"
    assert obs.objects(bucket.name) == first
    assert ObjectExpiry.objects.count() == 1


def test_an_error_of_ours_costs_a_try_and_no_slot(engine, obs, monkeypatch):
    failing(make_bucket())

    def broken(param, version):
        raise OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(OBS, "read", broken)
        engine.run()
    waiting = Delivery.objects.get()
    engine.run_out()

    assert (waiting.status, waiting.attempts) == ("WAIT", 1)
    assert waiting.reason == "OperationalError: database is locked"
    assert Delivery.objects.get().status == "DELIVERED"


def test_param_of_the_api_is_stored_byte_for_byte(engine, obs):
    bucket = make_bucket()
    function = make_function(source=RAISES)
    allow(function, PUT_OBJECT)
    written = f'{{"prefix":  "/success", "bucket": "{bucket.name}", "more": 1}}'
    destined = saving.destine(latest(function), "failure", "OBS", written)
    make_config(function, max_retries=0, on_failure=destined)
    accept(function)

    engine.run()

    assert Delivery.objects.get().param == written
    (key,) = obs.objects(bucket.name)
    assert key.startswith(f"success/{function.name}/")


def test_a_right_taken_away_is_a_dead_letter_with_its_action(engine, obs):
    invocation = failing(make_bucket())
    agency = invocation.version.agency
    agency.actions = ["functiongraph:function:invokeAsync"]
    agency.save()

    engine.run()

    dead = Delivery.objects.get()
    assert dead.status == "FAILED"
    assert "obs:object:PutObject" in dead.reason


def test_saving_asks_the_storage_for_the_bucket(obs, settings):
    bucket = make_bucket()
    version = latest(make_function())
    assert OBS.verify(param(bucket), version) == ""

    obs.client.delete_bucket(Bucket=bucket.name)
    with pytest.raises(ValidationError, match="does not exist"):
        OBS.verify(param(bucket), version)
    settings.OBS_ENDPOINT = closed_port()
    assert "Nothing can be reached" in OBS.verify(param(bucket), version)


def test_sentences_are_stored_in_english(engine, obs):
    bucket = make_bucket()
    failing(bucket)
    obs.client.delete_bucket(Bucket=bucket.name)

    with translation.override("zh-hans"):
        engine.run()

    assert Delivery.objects.get().reason.startswith("Bucket ")
