"""An installation that an earlier version left open is closed by one start."""

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import pytest
import redis

from console.installation.supervision import modes
from tests.support.installation import Installation, Person, until
from tests.support.valkey import Valkey

SLOW = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
IS_ROOT = os.getuid() == 0
# Below these, modes are the functions' own.
RUNTIME = ("runtime/code/", "runtime/pools/", "runtime/trash/")


def everything(folder):
    return [
        path
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.exists()
    ]


def open_to_all(folder):
    """Give the modes that the usual umask gives, as earlier versions did."""
    for path in everything(folder):
        path.chmod(0o755 if path.is_dir() else 0o644)


def read_by_nobody(folder):
    """Return what the user `nobody` can list or read there."""
    tests = ["!", "-type", "l", "-readable", "-print"]
    found = subprocess.run(
        ["find", folder, *tests],
        user="nobody",
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.splitlines()


@pytest.fixture(scope="module")
def parent():
    """A folder that everybody can enter; those of pytest are closed themselves."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def old(parent):
    """A data directory of an earlier version, whose Valkey asked for no password."""
    data = parent / "data"
    Installation(data).manage("prepare")
    (data / "keys" / "valkey.key").unlink()
    (data / "valkey").mkdir()
    valkey = Valkey(data / "valkey", keep=True)
    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        client.set("fg:kept", "from before")
    valkey.kill()
    for name in ("code/0/code/index.py", "pools/0/owner.lock", "code/x"):
        path = data / "runtime" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    (data / "backups").mkdir()
    (data / "backups" / "old.sqlite3").write_text("hashes")
    open_to_all(data)
    return data


@pytest.fixture(scope="module")
def running(old):
    before = read_by_nobody(old) if IS_ROOT else ["everything"]
    assert before, "Nobody could read the old directory: this test shows nothing."
    installation = Installation(old, WORKER_SLOTS="1", WORKER_GRACE_SECONDS="0.5")
    installation.start()
    yield installation
    if installation.process.poll() is None:
        installation.stop()


@pytest.fixture(scope="module")
def password(running):
    return (running.data / "keys" / "valkey.key").read_text().strip()


def test_no_other_user_reads_anything_below_it(running):
    until(lambda: running.pid_of("/weed ") and running.pid_of("--queue notify"))
    files = {
        str(path.relative_to(running.data)): path for path in everything(running.data)
    }
    opened = {
        name
        for name, path in files.items()
        if not name.startswith(RUNTIME) and path.exists()
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    }

    assert opened == set()
    for part in ("console.sqlite3", "logs", "keys/secret.key", "runtime/code"):
        assert part in files
    if IS_ROOT:
        assert read_by_nobody(running.data) == []


def test_its_valkey_asks_for_a_password_and_keeps_what_it_had(running, password):
    socket = running.data / "run" / "valkey.sock"
    with (
        redis.Redis(unix_socket_path=str(socket)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with redis.Redis(unix_socket_path=str(socket), password=password) as client:
        assert client.get("fg:kept") == b"from before"

    with urllib.request.urlopen(f"{running.url}/healthz") as answer:
        assert json.load(answer)["redis"] is True


def test_the_password_is_in_no_argument_and_no_environment(running, password):
    pids = [running.process.pid, *running.tree()]
    for pid in pids:
        for name in ("cmdline", "environ"):
            assert password.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()

    config = running.data / "run" / "valkey.conf"
    assert len(pids) > len(("up", "valkey", "granian", "weed", "workers"))
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert password in config.read_text()


def is_busy(running, password):
    """Say whether a worker of RQ's holds a wake-up until it has a free slot."""
    socket = running.data / "run" / "valkey.sock"
    with redis.Redis(unix_socket_path=str(socket), password=password) as client:
        keys = client.keys("rq:worker:*")
        return any(client.hget(key, "state") == b"busy" for key in keys)


def test_ordinary_ends_leave_no_traceback_in_the_logs(running, password):
    def ends(part):
        return until(lambda: running.pid_of(part))

    person = Person(running)
    person.create("slow", SLOW)
    for _turn in range(3):
        person.run("slow")
    until(lambda: is_busy(running, password))
    os.kill(ends("--queue invoke"), signal.SIGTERM)
    before = ends("valkey-server")
    os.kill(before, signal.SIGKILL)
    until(lambda: (pid := running.pid_of("valkey-server")) and pid != before)
    for part in ("--queue invoke", "--queue deliver", "--queue notify", "granian"):
        os.kill(ends(part), signal.SIGINT)
    until(running.is_up)
    running.stop()

    logs = {log.name: log.read_text() for log in (running.data / "logs").iterdir()}
    assert {"web.log", "worker-1.log", "courier.log", "notifier.log"} <= set(logs)
    assert [name for name, text in logs.items() if "Traceback" in text] == []


@pytest.mark.skipif(not IS_ROOT, reason="only root's instances have users of their own")
def test_the_way_to_code_stays_passable_and_nothing_else(tmp_path):
    ways = [tmp_path, tmp_path / "runtime", tmp_path / "runtime" / "pools"]
    (tmp_path / "runtime" / "pools").mkdir(parents=True)
    (tmp_path / "obs").mkdir()
    for folder in (*ways, tmp_path / "obs"):
        folder.chmod(0o711)

    modes.mend(tmp_path, tmp_path / "keys")

    found = [stat.S_IMODE(path.stat().st_mode) for path in (*ways, tmp_path / "obs")]
    assert found == [0o711, 0o711, 0o711, 0o700]
