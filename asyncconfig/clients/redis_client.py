"""How Redis is reached: short time-outs, and nothing is retried behind one's back."""

from functools import lru_cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS = 0.2


@lru_cache(maxsize=8)
def connect(url: str, seconds: float) -> redis.Redis:
    """Return the client of a server whose answers may take `seconds`.

    Connecting takes at most 0.2 s. redis-py's own defaults wait for seconds,
    or a minute, before they say that nobody is there.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=min(seconds, CONNECT_SECONDS),
        retry=Retry(NoBackoff(), 0),
    )
