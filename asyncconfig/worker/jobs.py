"""What a job from Redis may do here: wake a lane, and nothing else.

RQ does what a job's data says. Whoever may write to Redis could so call any function
in a worker, and have the web server unpickle what RQ's pages look at. Here a job is
read, and of all it may hold only the name of a lane means anything.
"""

import json
import zlib
from typing import Any, Never

import redis
import rq.job
from rq.serializers import DefaultSerializer, JSONSerializer
from rq.webhook import Webhook

from asyncconfig import queue

# The other one is what earlier versions have put into queues.
KNOWN = {queue.WAKE, "asyncconfig.jobs.wake"}

MAX_ID_BYTES = 64
MAX_DATA_BYTES = 1024


def lane_of(client: redis.Redis, job_id: bytes) -> str | None:
    """Take a job that has left its queue out of Redis; return the lane it names.

    None for all that is no wake-up. Raises redis.ConnectionError and TimeoutError.
    """
    if len(job_id) > MAX_ID_BYTES:
        return None
    key = rq.job.Job.redis_job_namespace_prefix.encode() + job_id
    try:
        if int(client.hstrlen(key, "data")) > MAX_DATA_BYTES:
            return None
        return _read(client.hget(key, "data") or b"")  # type: ignore[arg-type]
    except redis.ResponseError:  # The key holds something that is no job.
        return None
    finally:
        client.unlink(key)


def _read(data: bytes) -> str | None:
    try:
        plain = zlib.decompressobj().decompress(data, MAX_DATA_BYTES)
        name, instance, arguments, keywords = json.loads(plain)
        (lane,) = arguments
    except (zlib.error, ValueError, TypeError, RecursionError):
        return None
    is_known = isinstance(name, str) and name in KNOWN
    if not is_known or instance is not None or keywords != {}:
        return None
    return lane if isinstance(lane, str) else None


def disarm() -> None:
    """Take from RQ in this process all by which stored data runs code or calls out.

    A job's function and its callbacks are not imported, what is pickled is not read,
    and no web hook is called: neither by workers nor by RQ's pages in the admin.
    """
    rq.job.import_attribute = _refuse  # type: ignore[attr-defined]
    DefaultSerializer.loads = staticmethod(JSONSerializer.loads)
    Webhook.send = _send_nothing  # type: ignore[method-assign]


def _refuse(name: str) -> Never:
    raise ValueError(f"Jobs of this installation call no functions, so not {name!r}.")


def _send_nothing(*_job: Any, **_details: Any) -> None:
    return
