"""Unpacked code goes when nobody needs it, and never while somebody uses it."""

import fcntl
import os
import threading
import time

import pytest

from functions.runtime import codestore
from functions.runtime.codestore import Code, prune, unpack
from functions.runtime.trash import Trash
from tests.runtime.specs import call, make_spec

HANDLER = "def handler(event, context): return 'ran'"
LARGEST = 1024 * 1024
HOUR, DAYS = 3600, 3 * 24 * 3600


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


@pytest.fixture
def trash(tmp_path):
    made = Trash(tmp_path / "trash")
    yield made
    made.close(seconds=5)


def unpacked(store):
    parts = store.parent / "parts"
    return unpack(make_spec(HANDLER), store, parts=parts, largest=LARGEST)


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def names(store):
    return sorted(path.name for path in store.iterdir())


def none_is_needed():
    return set()


def test_code_in_use_stays_however_old_it_is(store, trash):
    code = unpacked(store)
    age(code.path, DAYS)

    prune(store, trash, needed=none_is_needed)
    during = names(store)
    code.release()
    age(code.path, DAYS)
    prune(store, trash, needed=none_is_needed)

    assert (during, names(store)) == ([code.path.name], [])


@pytest.mark.parametrize(
    ("seconds", "is_needed", "stays"),
    [
        (0, False, True),
        (HOUR, False, False),
        (HOUR, True, True),
        (DAYS, True, False),
    ],
)
def test_unused_code_goes_after_a_day_and_needless_code_sooner(
    store, trash, seconds, is_needed, stays
):
    code = unpacked(store)
    code.release()
    age(code.path, seconds)
    needed = {code.path.name} if is_needed else set()

    prune(store, trash, needed=lambda: needed)

    assert code.path.exists() == stays


def test_versions_are_not_looked_up_while_there_is_nothing_to_judge(store, trash):
    unpacked(store).release()

    prune(store, trash, needed=lambda: pytest.fail("They were looked up."))
    prune(store / "not-there-yet", trash, needed=none_is_needed)


def test_what_an_earlier_version_left_half_unpacked_goes(store, trash):
    left = store / ".part-left"
    (left / "code").mkdir(parents=True)
    age(left, HOUR)

    prune(store, trash, needed=none_is_needed)

    assert names(store) == []


def test_code_that_is_just_going_is_unpacked_again(store):
    code = unpacked(store)
    code.release()
    fd = os.open(code.path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    found = []
    thread = threading.Thread(target=lambda: found.append(unpacked(store)))

    assert Code.hold(code.path) is None
    thread.start()
    code.path.rename(store / "aside")
    os.close(fd)
    thread.join(10)

    assert (found[0].path / "code" / "index.py").read_text() == HANDLER
    assert not os.path.samestat(found[0].path.stat(), (store / "aside").stat())


def test_code_is_not_trusted_after_the_power_was_cut(store, monkeypatch):
    before = unpacked(store).path
    (before / "code" / "index.py").write_text("")
    monkeypatch.setattr(codestore, "_boot", lambda: "the next boot")

    after = unpacked(store).path

    assert (after / "code" / "index.py").read_text() == HANDLER


def test_a_warm_instance_keeps_its_code(make_pool):
    pool = make_pool()
    spec = make_spec(HANDLER)
    pool.invoke(spec, call())
    (folder,) = pool._store.iterdir()
    age(folder, DAYS)

    pool.prune(none_is_needed)
    during = folder.exists()
    again = pool.invoke(spec, call())
    pool.close()
    age(folder, DAYS)
    make_pool().prune(none_is_needed)

    assert (during, again.ok, again.cold) == (True, True, False)
    assert not folder.exists()


def test_code_of_an_instance_that_could_not_start_is_let_go(make_pool, monkeypatch):
    pool = make_pool()
    monkeypatch.setattr(
        "functions.runtime.pool.Instance", lambda *_: (_ for _ in ()).throw(OSError(24))
    )

    outcome = pool.invoke(make_spec(HANDLER), call())
    (folder,) = pool._store.iterdir()
    age(folder, DAYS)
    pool.prune(none_is_needed)

    assert not outcome.ok
    assert not folder.exists()
