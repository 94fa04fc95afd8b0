"""Objects of our own storage disappear when their expiry is over."""

from datetime import timedelta

import pytest

from asyncconfig import clock
from asyncconfig.exceptions import DeliveryError
from asyncconfig.models import ObjectExpiry
from asyncconfig.services.buckets import expiries
from asyncconfig.worker import expiring
from tests.asyncconfig.destinations.test_obs import closed_port, failing
from tests.support.factories import make_bucket

pytestmark = [pytest.mark.engine, pytest.mark.django_db]
DAY = 86_400


def test_an_object_is_there_until_its_days_are_over(engine, obs):
    bucket = make_bucket()
    failing(bucket, expires=30)
    engine.run()

    clock.shift(30 * DAY - 60)
    assert expiring.expire() == 0
    assert len(obs.objects(bucket.name)) == 1
    clock.shift(120)
    assert expiring.expire() == 1

    assert obs.objects(bucket.name) == {}
    assert not ObjectExpiry.objects.exists()


def test_without_days_an_object_stays(engine, obs):
    bucket = make_bucket()
    failing(bucket)
    engine.run()

    clock.shift(400 * DAY)
    assert expiring.expire() == 0

    assert len(obs.objects(bucket.name)) == 1


def test_only_a_few_go_at_a_time(obs):
    bucket = make_bucket()
    for number in range(3):
        obs.client.put_object(Bucket=bucket.name, Key=f"{number}", Body=b"{}")
        expiries.note(bucket, f"{number}", timedelta(days=1))

    clock.shift(2 * DAY)

    assert [expiring.expire(most=2) for _turn in range(3)] == [2, 1, 0]


def test_a_storage_that_is_away_is_asked_again_later(obs, settings):
    bucket = make_bucket()
    obs.client.put_object(Bucket=bucket.name, Key="a", Body=b"{}")
    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(2 * DAY)
    settings.OBS_ENDPOINT = closed_port()

    assert expiring.expire() == 0
    settings.OBS_ENDPOINT = obs.endpoint
    assert expiring.expire() == 0
    clock.shift(61)
    assert expiring.expire() == 1

    assert obs.objects(bucket.name) == {}


def test_a_bucket_that_is_gone_holds_nothing_up(obs):
    lost, bucket = make_bucket(), make_bucket()
    obs.client.put_object(Bucket=bucket.name, Key="a", Body=b"{}")
    for one in (lost, bucket):
        expiries.note(one, "a", timedelta(days=1))
    obs.client.delete_bucket(Bucket=lost.name)
    clock.shift(2 * DAY)

    assert expiring.expire() == 2

    assert obs.objects(bucket.name) == {}


def test_an_object_that_may_not_be_deleted_waits_an_hour(obs, settings):
    bucket = make_bucket()
    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(2 * DAY)
    settings.OBS_SECRET_KEY = "wrong"

    assert expiring.expire() == 0

    (row,) = ObjectExpiry.objects.all()
    assert row.expires_at > clock.now() + timedelta(minutes=59)


def test_writing_again_changes_when_it_goes(obs):
    bucket = make_bucket()
    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(DAY / 2)

    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(DAY * 0.75)

    assert expiring.expire() == 0
    expiries.note(bucket, "a", None)
    assert not ObjectExpiry.objects.exists()


def test_writing_waits_for_a_deletion_under_way(obs):
    bucket = make_bucket()
    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(2 * DAY)
    (taken,) = expiries.take(most=1)

    with pytest.raises(DeliveryError) as refused:
        expiries.note(bucket, "a", timedelta(days=1))

    assert refused.value.permanent is False
    expiries.done(taken)
    expiries.note(bucket, "a", timedelta(days=1))
    assert ObjectExpiry.objects.count() == 1


def test_a_deletion_leaves_what_was_written_again(obs):
    bucket = make_bucket()
    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(2 * DAY)
    expiries.note(bucket, "a", timedelta(days=1))

    assert list(expiries.take(most=1)) == []


def test_a_death_while_deleting_is_made_good(obs):
    bucket = make_bucket()
    obs.client.put_object(Bucket=bucket.name, Key="a", Body=b"{}")
    expiries.note(bucket, "a", timedelta(days=1))
    clock.shift(2 * DAY)
    list(expiries.take(most=1))

    assert expiring.expire() == 0
    clock.shift(61)

    assert expiring.expire() == 1
    assert obs.objects(bucket.name) == {}
