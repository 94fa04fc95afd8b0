"""Fixtures: what needs setting up and taking down, never data."""

import pytest
import redis

from asyncconfig import accepting, clock
from tests.valkey import Valkey


@pytest.fixture(autouse=True)
def _steady_clock():
    """Each test may shift the clock; afterwards it is right again."""
    accepting.recent.forget()
    with clock.shifted():
        yield


@pytest.fixture
def engine(db, settings, tmp_path_factory):
    from tests.engine import Engine  # noqa: PLC0415 - models need the settings

    settings.RUNTIME_DIR = tmp_path_factory.mktemp("runtime")
    made = Engine()
    yield made
    made.close()


@pytest.fixture
def valkey(settings, tmp_path_factory):
    """A real Valkey on a socket of its own; yields a client."""
    server = Valkey(tmp_path_factory.mktemp("v"))
    settings.REDIS_URL = server.url
    server.start()
    with redis.Redis.from_url(server.url) as client:
        yield client
    server.kill()
