"""What isolation a host allows is found out, said, and never a reason to stop."""

import os
import pwd
import stat

import pytest

from functions.runtime import Kind, trial
from functions.runtime.users import NoUserLeft, Users
from tests.runtime.specs import run

IS_ROOT = os.geteuid() == 0
HANDLER = "def handler(event, context): return 1"
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives instances users")


@pytest.fixture(autouse=True)
def _found_anew(monkeypatch):
    monkeypatch.setattr(trial, "_found", {})


@as_root
def test_users_of_others_are_not_taken(make_pool):
    daemon = pwd.getpwnam("daemon").pw_uid

    pool = make_pool(users=f"{daemon}-{daemon + 1}")

    assert pool.isolation.level == 0
    assert "daemon" in pool.isolation.refused[3]
    assert run(pool, HANDLER).kind is Kind.OK


def test_a_host_that_refuses_everything_still_gets_a_pool(make_pool, monkeypatch):
    def refuse(*_given):
        raise PermissionError(1, "unshare: Operation not permitted")

    monkeypatch.setattr(trial, "_refusal", refuse)

    pool = make_pool()

    assert pool.isolation.level == 0
    assert set(pool.isolation.refused.values()) == {"unshare: Operation not permitted"}
    assert "unshare" in str(pool.isolation)


@as_root
def test_no_two_instances_share_a_user(monkeypatch, tmp_path):
    monkeypatch.setattr("functions.runtime.users.CLAIMS", tmp_path / "claims")
    monkeypatch.setattr("functions.runtime.users.TRIES", 1)
    users, others = Users.of("60578-60579"), Users.of("60579-60580")
    taken = [users.take(), users.take(), others.take()]

    with pytest.raises(NoUserLeft):
        users.take()
    numbers = [user.uid for user in taken]
    for user in taken:
        user.release()

    assert len(set(numbers)) == 3


@as_root
def test_each_folder_of_code_has_a_group_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr("functions.runtime.users.CLAIMS", tmp_path / "claims")
    users = Users.of("60578-60579")
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()

    first, second = users.group_of(folders[0]), users.group_of(folders[1])
    again = users.group_of(folders[0])
    with pytest.raises(NoUserLeft):
        users.group_of(folders[2])
    folders[1].rmdir()
    third = users.group_of(folders[2])

    assert first == again != second == third
    found = os.stat(folders[0])
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (first, 0o750)


def test_memory_is_watched_where_no_control_group_holds_it(make_pool):
    source = """
    import mmap, time
    def handler(event, context):
        held = mmap.mmap(-1, 300 << 20)
        for at in range(0, len(held), 4096):
            held[at] = 1
        time.sleep(60)
    """

    outcome = run(make_pool(use_cgroups=False), source, timeout=60)

    assert (outcome.kind, outcome.code) == (Kind.MEMORY, 4205)
