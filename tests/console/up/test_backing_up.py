"""A back-up is made while the console runs, and restored by what the page says."""

import re
import subprocess
import sys

import pytest

from tests.support.installation import ROOT, Installation, Person, until
from tests.support.local_services import objects_of, s3_client

PAGE = ROOT / "docs/how-to/back-up.md"
SLEEPS = "import time\ndef handler(event, context):\n    time.sleep(600)\n"
PATIENT = "from functions.models import Version; Version.objects.update(timeout=900)"
COUNT = (
    "from asyncconfig.models import Invocation;"
    "print(*Invocation.objects.order_by('pk').values_list('status', flat=True))"
)


def commands(heading):
    """Return the commands that the page shows under a heading."""
    section = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    found = next(part for part in section if part.startswith(heading + "\n"))
    return re.findall(r"^    (\S.*)$", found, flags=re.MULTILINE)


@pytest.fixture
def places(tmp_path):
    """What the page calls its folders, and where they are in this test."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    (tmp_path / "safe").mkdir()
    return {
        " var": f" {tmp_path / 'data'}",
        "/backup": str(tmp_path / "backup"),
        "/safe": str(tmp_path / "safe"),
        "/srv/console": str(tmp_path / "elsewhere/console"),
        "manage.py": str(ROOT / "manage.py"),
        "python ": f"{sys.executable} ",
    }


@pytest.fixture
def run(places, tmp_path):
    """Run a command of the page in a shell, with the folders of this test."""

    def run_one(command, *, check=True):
        for name, place in places.items():
            command = command.replace(name, place)
        return subprocess.run(
            ["bash", "-ec", command],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=check,
            timeout=120,
        )

    return run_one


@pytest.fixture
def running(tmp_path):
    made = Installation(tmp_path / "data", WORKER_SLOTS="1", WORKER_GRACE_SECONDS="0.5")
    made.start()
    yield made
    if made.process.poll() is None:
        made.stop(seconds=30)


def storage_of(installation):
    keys = installation.data / "keys"
    return s3_client(
        installation.environment_of("worker --queue deliver")["OBS_ENDPOINT"],
        *(
            (keys / f"obs-{name}.key").read_text().strip()
            for name in ("access", "secret")
        ),
    )


def put_an_object(installation):
    client = storage_of(installation)

    def put():
        try:
            client.create_bucket(Bucket="kept")
            return client.put_object(Bucket="kept", Key="a", Body=b"b" * 1000)
        except Exception:
            return False

    until(put)


def test_a_backup_is_restored_elsewhere_by_the_commands_of_the_page(
    running, run, tmp_path
):
    person = Person(running)
    person.create("sleeps", SLEEPS)
    running.manage("shell", "-c", PATIENT)
    person.run("sleeps")
    person.run("sleeps")
    until(
        lambda: running.manage("shell", "-c", COUNT).split()[-2:] == ["RUNNING", "WAIT"]
    )
    put_an_object(running)
    backing_up, moving = commands("Back up what `up` keeps")
    restoring, starting, looking, releasing = commands("Restore it")

    run(backing_up)
    run(moving)
    refused = run(backing_up.replace("backup", "restore", 1), check=False)
    running.stop(seconds=30)
    said = run(restoring).stdout

    assert refused.returncode == 1
    assert "Held until you decide (manage.py held): 2 requests, 0 notif" in said
    assert running.credentials["access_key"] in said
    assert "secret" not in said
    elsewhere = Installation(
        tmp_path / "elsewhere/console", WORKER_SLOTS="1", WORKER_GRACE_SECONDS="0.5"
    )
    assert starting == "python manage.py up --data-dir /srv/console"
    elsewhere.start()
    try:
        person._url = elsewhere.url
        assert "password" in person.get("/invocations")
        assert "已暂停" in Person(elsewhere).get("/invocations")
        held = run(looking).stdout
        assert held == "Held: 2 requests, 0 notifications, 0 messages.\n"
        assert objects_of(storage_of(elsewhere), "kept")["a"][0] == b"b" * 1000

        assert "Released: 2 requests." in run(releasing).stdout
        until(lambda: "RUNNING" in elsewhere.manage("shell", "-c", COUNT))
        assert "Drift 0." in elsewhere.manage("balance")
    finally:
        elsewhere.stop(seconds=30)


def test_restore_refuses_while_up_runs_and_where_something_is(running, tmp_path):
    running.manage("backup", str(tmp_path / "b"))
    (data,) = (tmp_path / "b").glob("*-data.tar")
    (keys,) = (tmp_path / "b").glob("*-keys.tar")

    while_it_runs = running.try_to("restore", str(data), "--keys", str(keys))
    running.stop(seconds=30)
    over_another = running.try_to("restore", str(data), "--keys", str(keys))
    empty = Installation(tmp_path / "empty")
    without_keys = empty.try_to("restore", str(data))
    cut = tmp_path / "cut-data.tar"
    cut.write_bytes(data.read_bytes()[:50_000])
    of_half = empty.try_to("restore", str(cut), "--keys", str(keys))

    assert "The console runs already on" in while_it_runs
    assert "holds an installation already" in over_another
    assert "does not belong to this back-up" in without_keys
    assert "or not all of it" in of_half
    assert not (empty.data / "console.sqlite3").exists()


def test_an_upgrade_can_be_undone(running, tmp_path):
    copies = running.data / "backups"
    copies.mkdir()
    running.stop(seconds=30)
    copy = copies / "20260131T040506Z.sqlite3"
    copy.write_bytes((running.data / "console.sqlite3").read_bytes())
    later = "from functions.models import Project; Project.objects.create(name='later')"
    running.manage("shell", "-c", later)

    running.manage("restore", str(copy))

    names = "from functions.models import Project; print(Project.objects.count())"
    assert running.manage("shell", "-c", names).split()[-1] == "1"
    assert len(list(copies.glob("*-replaced.sqlite3"))) == 1
    assert not (running.data / "restoring").exists()
