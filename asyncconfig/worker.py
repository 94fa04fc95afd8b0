"""The worker process: RQ in the main thread, the dispatcher beside it."""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import FrameType
from typing import Any

import redis
from django.conf import settings
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from asyncconfig import queue as wakeups
from asyncconfig.delivering import DeliverLane
from asyncconfig.dispatching import Dispatcher, current
from asyncconfig.expiring import Expirer
from asyncconfig.invoking import InvokeLane
from asyncconfig.lane import Lane
from asyncconfig.notifying import NotifyLane

logger = logging.getLogger(__name__)

REDIS_PAUSE = 1.0
LANES: dict[str, Callable[[], Lane[Any, Any]]] = {
    wakeups.INVOKE: InvokeLane,
    wakeups.DELIVER: DeliverLane,
    wakeups.NOTIFY: NotifyLane,
}


def run(queue: str, *, slots: int) -> None:
    """Serve one queue until SIGTERM or SIGINT.

    RQ brings wake-ups while Redis lives; without it the dispatcher looks by
    itself once a second, so nothing is lost and little is slow.
    """
    dispatcher: Dispatcher[Any, Any] = Dispatcher(LANES[queue](), slots=slots)
    dispatcher.start()
    current.dispatcher = dispatcher
    with Expirer() if queue == wakeups.DELIVER else nullcontext():
        try:
            stop = _Stop()
            while not stop.asked:
                _listen(queue, stop)
        except SystemExit:
            logger.info("Asked to stop.")
        finally:
            dispatcher.stop(grace=settings.WORKER_GRACE_SECONDS)


class _Stop:
    """Remembers that the process was asked to end."""

    def __init__(self) -> None:
        self.asked = False
        self.listener: SimpleWorker | None = None
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True
        # RQ swallows what is raised inside a job, and then looks at this.
        if self.listener is not None:
            self.listener._stop_requested = True
        raise SystemExit(0)


class _Listener(SimpleWorker):
    """RQ's in-process worker; the process's signals are ours, not its own."""

    def _install_signal_handlers(self) -> None:
        return


def _listen(name: str, stop: _Stop) -> None:
    """Take wake-ups until asked to stop or Redis fails; the caller tries again."""
    connection = redis.Redis.from_url(settings.REDIS_URL)
    try:
        queue = Queue(name, connection=connection, serializer=JSONSerializer)
        listener = _Listener([queue], connection=connection, serializer=JSONSerializer)
        stop.listener = listener
        listener.work(logging_level="WARNING")
        if not stop.asked:
            time.sleep(REDIS_PAUSE)
    except redis.RedisError:
        if not stop.asked:
            time.sleep(REDIS_PAUSE)
    except SystemExit:
        return
    finally:
        stop.listener = None
        connection.close()
