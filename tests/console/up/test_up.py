"""`manage.py up`: start, refuse, survive, end."""

import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from console.installation.supervision import folders
from tests.support.installation import Installation, free_port, processes, until

PARTS = (
    "valkey-server",
    "/weed ",
    "granian",
    "--queue invoke",
    "--queue deliver",
    "--queue notify",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("up") / "data")
    installation.start()
    yield installation
    if installation.process.poll() is None:
        installation.stop()


def test_it_says_where_it_is_and_how_to_sign_in(running):
    path = running.data / "credentials.json"

    assert running.is_up()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(running.credentials) == [
        "url",
        "username",
        "password",
        "project_id",
        "region",
        "access_key",
        "secret_key",
        "agency",
    ]
    assert running.credentials["url"] == running.url


def catches(pid, number):
    """Say whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(re.search(r"SigCgt:\s*([0-9a-f]+)", status)[1], 16)
    return bool(mask >> (number - 1) & 1)


@pytest.mark.parametrize("queue", ["invoke", "deliver", "notify"])
def test_a_worker_that_is_asked_to_stop_signs_off(running, queue):
    worker = running.popen("worker", "--queue", queue)
    until(lambda: catches(worker.pid, signal.SIGTERM))

    worker.send_signal(signal.SIGTERM)
    said, _nothing = worker.communicate(timeout=30)

    with sqlite3.connect(running.data / "console.sqlite3") as database:
        ended = "SELECT stopped_at FROM asyncconfig_worker WHERE name LIKE ?"
        (row,) = database.execute(ended, [f"%:{worker.pid}"])
    assert (worker.returncode, row[0] is not None) == (0, True), said


def test_a_second_up_on_the_same_data_is_refused(running):
    port = str(free_port())
    code, said = running.try_to_start("--data-dir", str(running.data), "--port", port)

    assert code == 1
    assert "The console runs already on" in said
    assert str(running.process.pid) in said
    assert "Traceback" not in said


def test_a_port_of_another_console_is_refused(running, tmp_path):
    code, said = running.try_to_start(
        "--data-dir", str(tmp_path / "other"), "--port", str(running.port)
    )

    assert code == 1
    assert f"Another console runs on port {running.port} of this machine" in said
    assert "Traceback" not in said


def test_a_port_of_a_console_that_still_starts_is_refused(running, tmp_path):
    port = free_port()
    with folders.hold_port(port):
        code, said = running.try_to_start(
            "--data-dir", str(tmp_path / "other"), "--port", str(port)
        )

    assert code == 1
    assert f"Another console runs on port {port} of this machine" in said
    assert "Traceback" not in said


def test_a_port_that_a_program_offers_to_share_is_refused(running, tmp_path):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server:
        port = server.getsockname()[1]
        code, said = running.try_to_start(
            "--data-dir", str(tmp_path / "other"), "--port", str(port)
        )

    assert code == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in said
    assert "Traceback" not in said


def test_a_data_directory_that_cannot_be_made_is_refused(running, tmp_path):
    (tmp_path / "file").write_text("in the way")
    folder = str(tmp_path / "file" / "data")

    code, said = running.try_to_start("--data-dir", folder, "--port", str(free_port()))

    assert code == 1
    assert "Choose another data directory" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("part", PARTS)
def test_what_dies_is_started_again(running, part):
    before = until(lambda: running.pid_of(part))

    os.kill(before, signal.SIGKILL)

    after = until(lambda: (pid := running.pid_of(part)) != before and pid)
    assert after != before
    until(running.is_up)


def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(tmp_path):
    installation = Installation(tmp_path / "data")
    starting = subprocess.Popen(
        installation.command(
            "up",
            *("--data-dir", str(installation.data), "--port", str(installation.port)),
        ),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    preparing = f"prepare --url {installation.url}"
    try:
        until(lambda: any(preparing in line for _, line in processes().values()))
        os.killpg(starting.pid, signal.SIGINT)
        said, _nothing = starting.communicate(timeout=30)
    finally:
        starting.kill()

    assert (starting.returncode, said) == (0, "")


def test_sigterm_ends_everything_and_a_restart_keeps_all(tmp_path):
    installation = Installation(tmp_path / "data")
    installation.start()
    until(lambda: all(installation.pid_of(part) for part in PARTS))
    before, tree = installation.credentials, set(installation.tree())

    installation.stop()

    assert tree & set(processes()) == set()
    assert not {"obs.json", "obs-grpc.key"} & set(os.listdir(installation.data / "run"))
    installation.start()
    assert installation.credentials == before
    tree = set(installation.tree())
    installation.stop(signal.SIGKILL)
    until(lambda: not tree & set(processes()), seconds=10)
    with sqlite3.connect(installation.data / "console.sqlite3") as database:
        (whole,) = database.execute("PRAGMA integrity_check").fetchone()
    database.close()
    assert whole == "ok"
