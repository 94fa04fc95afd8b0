"""Wake-ups: few of them, none lost, none waited for."""

import pytest
import rq
from rq.serializers import JSONSerializer

from asyncconfig import clock, queue
from asyncconfig.models import Invocation
from asyncconfig.worker import dispatching, sweep
from asyncconfig.worker.dispatching import Dispatcher
from asyncconfig.worker.process import listener
from functions import creating
from tests.support.factories import accept, make_function, make_topic, publish

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def _no_silence(monkeypatch):
    """A failure in another test must not silence this one."""
    monkeypatch.setattr(queue, "_silence", queue._Silence())


def waiting_jobs(client, name=queue.INVOKE):
    return rq.Queue(name, connection=client, serializer=JSONSerializer).count


@pytest.mark.django_db(transaction=True)
def test_a_burst_rings_once(valkey):
    function = make_function()

    for _turn in range(5):
        accept(function)

    assert waiting_jobs(valkey) == 1


@pytest.mark.django_db(transaction=True)
def test_a_message_rings_the_notifier(valkey):
    publish(make_topic())

    assert waiting_jobs(valkey, queue.NOTIFY) == 1


@pytest.mark.django_db
def test_nobody_is_rung_for_what_is_not_committed(valkey):
    accept(make_function())

    assert waiting_jobs(valkey) == 0


@pytest.mark.django_db(transaction=True)
def test_after_the_answer_the_next_request_rings_again(valkey):
    function = make_function()
    accept(function)
    queue.answered(queue.INVOKE)

    accept(function)

    assert waiting_jobs(valkey) == 2


@pytest.mark.django_db(transaction=True)
def test_the_sweep_ignores_the_flag_that_a_dead_worker_left(valkey):
    valkey.set(queue.flag_of(queue.INVOKE), 1)
    accept(make_function())
    assert waiting_jobs(valkey) == 0

    clock.shift(1)
    sweep.sweep()
    sweep.sweep()

    assert waiting_jobs(valkey) == 1


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_request_is_accepted_all_the_same(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/none.sock"

    accept(make_function())

    assert Invocation.objects.count() == 1
    assert not queue._silence.is_over()


@pytest.mark.django_db(transaction=True)
def test_nobody_rings_while_a_dispatcher_looks_and_it_looks_once_more_after(
    valkey, engine, monkeypatch
):
    dispatcher = Dispatcher(engine.invoke, slots=1)
    flag = queue.flag_of(queue.INVOKE)
    accept(make_function())

    listener(dispatcher).take_one(1)
    during = dispatcher._pause()
    kept = valkey.exists(flag)
    monkeypatch.setattr(dispatching, "LINGER_SECONDS", 0)
    after = dispatcher._pause()

    assert (during, kept) == (dispatching.GLANCE_SECONDS, 1)
    assert (after, valkey.exists(flag)) == (0.0, 0)


@pytest.mark.django_db
def test_a_dispatcher_rests_when_what_is_due_may_not_run_yet(valkey, engine):
    function = make_function()
    creating.set_max_instances(function, 1)
    accept(function)
    accept(function)
    engine.claim()
    dispatcher = Dispatcher(engine.invoke, slots=4)
    dispatcher.worker = engine.worker(engine.invoke)

    dispatcher._step()

    assert dispatcher._pause() == dispatching.IDLE_SECONDS


@pytest.mark.django_db
def test_a_dispatcher_does_not_sleep_over_what_fell_due_since_it_looked(valkey, engine):
    dispatcher = Dispatcher(engine.invoke, slots=4)
    dispatcher.worker = engine.worker(engine.invoke)
    dispatcher._step()
    accept(make_function())

    assert dispatcher._pause() < 0.01


@pytest.mark.django_db(transaction=True)
def test_a_full_dispatcher_leaves_the_ringing_to_others(valkey, engine):
    dispatcher = Dispatcher(engine.invoke, slots=0)
    accept(make_function())

    dispatcher.wake(wait_seconds=0)
    dispatcher._pause()

    assert not valkey.exists(queue.flag_of(queue.INVOKE))
