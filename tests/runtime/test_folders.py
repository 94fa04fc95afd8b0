"""What user code does to its own folder decides nothing, and goes with it."""

import errno
import itertools
import os
import shutil
import threading

import pytest

from functions.runtime import Kind, folder
from functions.runtime.trash import FOLDER, Trash, _remove, closing
from tests.runtime.specs import call, make_spec, run, wait_until


@pytest.fixture
def pool(unconfined):
    """Only there instances have folders on the disk that they may do anything to."""
    return unconfined


PRELUDE = """
import os, shutil, subprocess
home = os.environ["RUNTIME_ROOT"]
tmp = os.environ["TMPDIR"]
def handler(event, context):
"""
ATTACKS = {
    "removed": "shutil.rmtree(tmp)",
    "a link": "os.rmdir(tmp); os.symlink('/', tmp)",
    "a FIFO": "os.rmdir(tmp); os.mkfifo(tmp)",
    "full of FIFOs": "[os.mkfifo(f'{tmp}/{n}') for n in range(5)]",
    "deep": "os.chdir(tmp); [(os.mkdir('d'), os.chdir('d')) for _ in range(1200)]",
    "wide": "[os.mkdir(f'{tmp}/{n}') for n in range(5000)]",
    "wide and filled": "[os.makedirs(f'{tmp}/{n}/a/b') for n in range(500)]",
    "locked": "os.makedirs('tmp/a/b/c'); os.chmod('tmp/a/b', 0); os.chmod(tmp, 0)",
    "odd names": "open(tmp.encode() + b'/\\xff\\n', 'w').close()",
    "home removed": "shutil.rmtree(home)",
    "home a link": "shutil.rmtree(home); os.symlink('/', home)",
    "home a FIFO": "shutil.rmtree(home); os.mkfifo(home)",
    "home moved": "os.rename(home, home + 'moved'); os.mkdir(home)",
    "all homes removed": "shutil.rmtree(os.path.dirname(home))",
    "all pools removed": "shutil.rmtree(os.path.dirname(os.path.dirname(home)))",
}
PLAIN = "import os\ndef handler(event, context): return sorted(os.listdir('.'))"


def entries(path):
    return sorted(os.listdir(path)) if path.exists() else []


def is_bare(root):
    """Say whether nothing is left of any instance."""
    return entries(root / "pools") == entries(root / "trash") == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_folder_of_an_instance_decides_nothing_and_is_removed(pool, tmp_path, attack):
    source = f"{PRELUDE}    {ATTACKS[attack]}\n    return 'done'"
    spec = make_spec(source)

    outcome = pool.invoke(spec, call())
    after = run(pool, PLAIN)
    pool.close()

    assert (outcome.kind, outcome.result, outcome.error) == (Kind.OK, b"done", "")
    assert b"storage used: " in outcome.log
    assert after.result == b'["code", "log", "tmp"]'
    wait_until(lambda: is_bare(tmp_path / "runtime"))


def test_nothing_is_followed_out_of_the_trash(pool, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    source = f"""
    import os, shutil
    trash = os.path.join(os.environ["RUNTIME_ROOT"], "../../../trash")
    def handler(event, context):
        os.symlink({str(kept)!r}, "tmp/link")
        shutil.rmtree(trash)
        os.symlink({str(kept)!r}, trash)
    """
    assert run(pool, source).kind is Kind.OK

    pool.close()

    wait_until(lambda: is_bare(tmp_path / "runtime"))
    assert entries(kept) == ["file"]
    assert (kept / "file").read_text() == "kept"


def test_what_dead_pools_left_is_removed(make_pool, tmp_path):
    root = tmp_path / "runtime"
    (root / "pools" / "dead" / "i-1" / "tmp").mkdir(parents=True)
    (root / "pools" / ".half-made").mkdir()
    (root / "pools" / "file").touch()
    os.mkfifo(root / "pools" / "fifo")
    (root / "trash" / "old" / "deeper").mkdir(parents=True)

    living = make_pool(highest_level=0)
    another = make_pool(highest_level=0)

    wait_until(lambda: entries(root / "trash") == [])
    assert len(entries(root / "pools")) == 2
    assert living.invoke(make_spec(PLAIN), call()).kind is Kind.OK
    another.close()


def test_measuring_looks_at_no_more_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MAX_MEASURED_FILES", 10)
    monkeypatch.setattr(folder, "MAX_MEASURING_SECONDS", 60)
    home = folder.Home(tmp_path)
    room = home.new_folder("i-1", tmp_path)
    for number in range(50):
        (room.path / "tmp" / f"{number}").write_bytes(b"x")
        (room.path / "tmp" / f"d{number}").mkdir()

    assert 0 <= room.storage_bytes() <= 10
    room.discard()
    home.close()


def test_what_will_not_go_is_tried_again_and_keeps_nothing_else(tmp_path, monkeypatch):
    root = tmp_path / "trash"
    for name in ("stuck", "a", "b"):
        (root / "tree" / name).mkdir(parents=True)
        (root / "tree" / name / f"{name}.txt").touch()
    allowed = threading.Event()
    unlink = os.unlink

    def refuse(name, **where):
        if name == "stuck.txt" and not allowed.is_set():
            raise OSError(errno.EBUSY, "Device or resource busy")
        unlink(name, **where)

    monkeypatch.setattr("os.unlink", refuse)
    monkeypatch.setattr("functions.runtime.trash.FIRST_SECONDS", 0.01)
    trash = Trash(root)

    wait_until(lambda: [path.name for path in root.rglob("*.txt")] == ["stuck.txt"])
    allowed.set()
    wait_until(lambda: entries(root) == [])
    trash.close(seconds=5)


def test_nothing_is_removed_from_what_is_mounted_there(tmp_path, monkeypatch):
    (tmp_path / "mounted").mkdir(parents=True)
    (tmp_path / "mounted" / "file").touch()
    numbers = itertools.count()
    monkeypatch.setattr("functions.runtime.trash._mount_of", lambda fd: next(numbers))
    with (
        closing(os.open(tmp_path, FOLDER)) as there,
        pytest.raises(OSError, match="mounted"),
    ):
        _remove("mounted", there, [])

    assert (tmp_path / "mounted" / "file").exists()


def test_errors_name_no_folder_of_the_host(pool, tmp_path, monkeypatch):
    def refuse(self, name, code, uid):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr("functions.runtime.folder.Home.new_folder", refuse)

    outcome = run(pool, PLAIN)

    assert (outcome.kind, outcome.started) == (Kind.SYSTEM, False)
    assert outcome.error == "No instance could be started: No space left on device."


def test_instance_that_cannot_be_set_up_names_no_folder_either(pool, monkeypatch):
    make = folder.Home.new_folder

    def removed(self, name, code, uid):
        made = make(self, name, code, uid)
        shutil.rmtree(made.path)
        return made

    monkeypatch.setattr(folder.Home, "new_folder", removed)

    outcome = run(pool, PLAIN)

    assert (outcome.kind, outcome.started) == (Kind.SYSTEM, False)
    assert outcome.error == (
        "No instance could be set up: FileNotFoundError: No such file or directory"
    )


def test_processes_that_stay_in_the_folder_do_not_keep_it(pool, tmp_path):
    run(
        pool,
        """
        import subprocess
        def handler(event, context):
            subprocess.Popen(["sleep", "600"], cwd="tmp")
        """,
    )

    pool.close()

    wait_until(lambda: is_bare(tmp_path / "runtime"))
