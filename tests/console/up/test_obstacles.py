"""A start that cannot be says what to do, and changes nothing."""

import os
import subprocess

import pytest

from console.installation import obstacles
from tests.support.installation import Installation, free_port


@pytest.fixture
def installation(tmp_path):
    made = Installation(tmp_path / "data")
    made.data.mkdir(mode=0o700)
    return made


def start(installation):
    where = ("--data-dir", str(installation.data), "--port", str(free_port()))
    return installation.try_to_start(*where)


def test_a_broken_database_file_is_left_alone_and_backups_are_named(installation):
    broken = b"this was a database once " * 400
    database = installation.data / "console.sqlite3"
    database.write_bytes(broken)
    copy = installation.data / "backups" / "20260131T040506Z.sqlite3"
    copy.parent.mkdir()
    copy.write_bytes(b"")

    code, said = start(installation)

    assert code == 1
    assert f"The database {database} is damaged (file is not a database)." in said
    assert f"manage.py restore {copy}" in said
    assert "Traceback" not in said
    assert database.read_bytes() == broken


def test_a_broken_database_without_copies_says_where_they_would_be(installation):
    (installation.data / "console.sqlite3").write_bytes(b"x" * 10_000)

    _code, said = start(installation)

    assert f"There is no copy in {installation.data / 'backups'}" in said


@pytest.fixture
def small_disk(installation):
    """A disk of 8 MB, where the one who tests may mount one."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(installation.data)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield installation
    subprocess.run(["umount", "-l", str(installation.data)], check=True)


def test_a_first_start_on_a_full_disk_says_what_to_do(small_disk):
    code, said = start(small_disk)

    assert code == 1
    assert f"The disk of {small_disk.data} is full" in said
    assert f"old copies out of {small_disk.data / 'backups'}" in said
    assert not (small_disk.data / "console.sqlite3").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        obstacles.DatabaseError("database or disk is full"),
    ],
)
def test_a_disk_that_fills_up_meanwhile_is_named(error, settings):
    said = obstacles.described(error)

    assert said.startswith(f"The disk of {settings.DATA_DIR} is full")


def test_a_later_start_needs_little(tmp_path, monkeypatch):
    few = os.statvfs(tmp_path)
    blocks = 8 * obstacles.MB // few.f_frsize

    class Disk:
        f_bavail, f_frsize = blocks, few.f_frsize

    monkeypatch.setattr(os, "statvfs", lambda _path: Disk)

    assert "64 MB are needed" in obstacles.no_room(tmp_path)
    (tmp_path / "console.sqlite3").touch()
    assert obstacles.no_room(tmp_path) == ""


def test_what_is_not_known_is_not_explained_away():
    assert obstacles.described(OSError(5, "Input/output error")) == ""
