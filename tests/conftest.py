"""Fixtures: what needs setting up and taking down, never data."""

import re
from contextlib import contextmanager

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from asyncconfig import clock
from asyncconfig.config import verifying
from asyncconfig.invocations import accepting
from console.installation import isolation
from tests.support.names import Names
from tests.support.valkey import Valkey


def pytest_terminal_summary(terminalreporter):
    """Say at which levels of isolation every attack came to what it should."""
    stats = terminalreporter.stats
    ids = {
        outcome: [
            re.findall(r"\[(\w+-\d)[-\]]", report.nodeid)
            for report in stats.get(outcome, [])
            if "test_attacks.py" in report.nodeid
        ]
        for outcome in ("passed", "failed", "error")
    }
    tried = {found[0] for found in ids["passed"] if found}
    broken = {found[0] for found in ids["failed"] + ids["error"] if found}
    if tried or broken:
        proved = ", ".join(sorted(tried - broken, reverse=True)) or "none"
        terminalreporter.write_line(f"Isolation proved, as user and level: {proved}")


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix(request):
    """Give each process of a parallel run its own database; in memory it has one."""
    worker = getattr(request.config, "workerinput", {}).get("workerid")
    if worker and connection.vendor != "sqlite":
        connection.settings_dict["TEST"]["NAME"] = f"test_{worker}"


@pytest.fixture(autouse=True)
def _steady_clock():
    """Each test may shift the clock; afterwards it is right again."""
    accepting.recent.forget()
    verifying.memory.forget()
    isolation.noted.forget()
    with clock.shifted():
        yield


@pytest.fixture(autouse=True)
def _steady_language():
    """A request leaves its language behind in the thread; the next test has its own."""
    with translation.override("en"):
        yield


@pytest.fixture
def unconfined(settings):
    """Let user code do to the worker what it may not do elsewhere; before `engine`."""
    settings.ISOLATION_LEVEL = 0
    settings.ALLOW_UNISOLATED = True


@pytest.fixture
def engine(db, settings, tmp_path_factory):
    from tests.support.engine import Engine  # noqa: PLC0415 - models need the settings

    settings.RUNTIME_DIR = tmp_path_factory.mktemp("runtime")
    made = Engine()
    yield made
    made.close()


@pytest.fixture
def names(monkeypatch):
    """A resolver that tells what a test says about some hosts."""
    return Names(monkeypatch)


@pytest.fixture
def valkey(settings, tmp_path_factory):
    """A real Valkey on a socket of its own; yields a client."""
    server = Valkey(tmp_path_factory.mktemp("v"))
    settings.REDIS_URL = server.url
    server.start()
    with redis.Redis.from_url(server.url) as client:
        yield client
    server.kill()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory):
    """A real SeaweedFS for the whole run; a missing one fails."""
    from tests.support.local_services import SeaweedFS  # noqa: PLC0415 - boto3 is slow to load

    made = SeaweedFS(tmp_path_factory.mktemp("obs"))
    yield made
    made.close()


@pytest.fixture
def obs(seaweedfs, settings):
    """The object storage of this installation, up and running."""
    settings.OBS_ENDPOINT = seaweedfs.endpoint
    settings.OBS_ACCESS_KEY, settings.OBS_SECRET_KEY = (
        "test-access-key",
        "test-secret-key",
    )
    return seaweedfs


@pytest.fixture
def asks():
    """`with asks(6):` the database is asked exactly so often, whichever it is.

    Its clock does not count: SQLite is not asked for the time.
    """

    @contextmanager
    def exactly(number):
        # Looked up for all pages, once in a while.
        isolation.noted.worker()
        with CaptureQueriesContext(connection) as asked:
            yield asked
        found = [one["sql"] for one in asked if "clock_timestamp()" not in one["sql"]]
        assert len(found) == number, "\n".join(sql[:200] for sql in found)

    return exactly
