"""The worker process: RQ in the main thread, the dispatcher beside it."""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from types import FrameType
from typing import Any, cast

import redis
from django.conf import settings
from django_rq.workers import get_worker
from rq import SimpleWorker
from rq.worker import WorkerStatus

from asyncconfig import queue
from asyncconfig.clients.redis_client import connect
from asyncconfig.lanes.delivering import DeliverLane
from asyncconfig.lanes.invoking import InvokeLane
from asyncconfig.lanes.lane import Lane
from asyncconfig.lanes.messaging import NotifyLane
from asyncconfig.worker import jobs
from asyncconfig.worker.dispatching import Dispatcher
from asyncconfig.worker.expiring import Expirer

logger = logging.getLogger(__name__)

REDIS_PAUSE = 1.0
LISTEN_SECONDS = 5
# RQ forgets a worker that has not been heard of for so long, and a minute.
HEARTBEAT_SECONDS = 30
# A full worker takes no more wake-ups, but for one in so many seconds.
WAKE_SECONDS = 30
# How often the same trouble is told again.
LOG_SECONDS = 60
LANES: dict[str, Callable[[], Lane[Any, Any]]] = {
    queue.INVOKE: InvokeLane,
    queue.DELIVER: DeliverLane,
    queue.NOTIFY: NotifyLane,
}


def run(lane: str, *, slots: int) -> None:
    """Serve one lane until SIGTERM or SIGINT.

    RQ brings wake-ups while Redis lives; without it the dispatcher looks by
    itself once a second, so nothing is lost and little is slow.
    """
    dispatcher: Dispatcher[Any, Any] = Dispatcher(LANES[lane](), slots=slots)
    dispatcher.start()
    with Expirer() if lane == queue.DELIVER else nullcontext():
        try:
            _listen(dispatcher, _Stop())
        except SystemExit:
            logger.info("Asked to stop.")
        finally:
            dispatcher.stop(grace=settings.WORKER_GRACE_SECONDS)


class _Stop:
    """Remembers that the process was asked to end, and ends what it waits for."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            raise SystemExit(0)


def _listen(dispatcher: Dispatcher[Any, Any], stop: _Stop) -> None:
    """Take wake-ups until asked to stop; while Redis fails, try once a second."""
    said = float("-inf")
    while not stop.asked:
        try:
            listener(dispatcher).work()
        except redis.RedisError as error:
            if time.monotonic() - said >= LOG_SECONDS:
                said = time.monotonic()
                logger.warning("No wake-ups come from Redis: %s", error)
            if not stop.asked:
                time.sleep(REDIS_PAUSE)


def listener(dispatcher: Dispatcher[Any, Any]) -> "Listener":
    """Return RQ's worker for the queue of a dispatcher; raises redis.RedisError."""
    made = get_worker(
        dispatcher.lane.name,
        worker_class=Listener,  # type: ignore[arg-type]  # one of RQ's, but no Worker
        dispatcher=dispatcher,
        worker_ttl=HEARTBEAT_SECONDS,
    )
    return cast(Listener, made)


class Listener(SimpleWorker):
    """A worker as RQ's pages know it, which does not do what a job says.

    It wakes the dispatcher when a job is a wake-up for its lane, and drops every other
    one unseen. It takes no commands, and keeps no registries of jobs.
    """

    def __init__(
        self, *args: Any, dispatcher: Dispatcher[Any, Any], **options: Any
    ) -> None:
        """Raises redis.RedisError."""
        # That of the queue would give up before a wake-up comes.
        patient = connect(settings.REDIS_URL, LISTEN_SECONDS + 1)
        super().__init__(*args, **options | {"connection": patient})
        self._dispatcher = dispatcher
        self._dropped = 0
        self._logged_at = float("-inf")

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        """Leave the client its time-outs."""
        return connection

    def work(self, *_args: Any, **_options: Any) -> bool:
        """Take what comes until something is raised, as redis.RedisError is."""
        self.register_birth()  # type: ignore[no-untyped-call]
        try:
            while True:
                self.take_one(LISTEN_SECONDS)
        finally:
            # One that hangs must not hold up the end of this process.
            self.connection = connect(settings.REDIS_URL, queue.RING_SECONDS)
            with suppress(redis.RedisError):
                self.register_death()  # type: ignore[no-untyped-call]

    def take_one(self, seconds: float) -> None:
        """Wait for a job; wake the dispatcher, and wait until it has a free slot."""
        self.heartbeat()
        self.set_state(WorkerStatus.IDLE)
        popped: Any = self.connection.blpop(self.queue_keys(), seconds)
        if popped is None:
            return
        lane = self._dispatcher.lane.name
        if jobs.lane_of(self.connection, popped[1]) != lane:
            self._drop(lane)
            return
        self.set_state(WorkerStatus.BUSY)
        self._dispatcher.wake(wait_seconds=WAKE_SECONDS)
        self.increment_successful_job_count()

    def _drop(self, lane: str) -> None:
        """Count a job that is none of ours, and say so once a minute."""
        self._dropped += 1
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            logger.warning(
                "Somebody else writes to our queues in Redis: dropped %d unknown "
                "jobs from %s. Nobody but this installation should have access.",
                self._dropped,
                lane,
            )
            self._dropped = 0
        self.increment_failed_job_count()
        self.connection.hincrby(queue.DROPPED, lane, 1)
