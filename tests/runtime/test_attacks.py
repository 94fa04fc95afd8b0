"""Every attack at every level that this host allows, as root and as somebody else.

What each comes to is the table of docs/security.md.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tests.runtime.attacks import OFFLINE_PROBES, PROBES, is_open
from tests.runtime.endings import ENDINGS

ROOT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0
# Who attacks at which level. Somebody else than root only where we may become it.
SITUATIONS = [("root", 3), ("root", 1), ("nobody", 2), ("nobody", 1)]
if not IS_ROOT:
    SITUATIONS = [("self", 2), ("self", 1)]
SECONDS = 240


@cache
def interpreter():
    """Return a Python that every user of this host can run, or None."""
    for path in (
        getattr(sys, "_base_executable", ""),
        shutil.which("python3", path=os.defpath),
    ):
        found = Path(path or "/nowhere").resolve()
        if found.exists() and all(up.stat().st_mode & 1 for up in found.parents):
            return str(found)
    return None


@cache
def attacked(user, level):
    """Run all attacks, once for each situation; return what came of them."""
    if interpreter() is None:
        pytest.skip("no interpreter that other users can run")
    folder = Path(tempfile.mkdtemp(prefix="attacked-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        as_user = {}
        if user == "nobody":
            account = pwd.getpwnam("nobody")
            os.chown(folder, account.pw_uid, account.pw_gid)
            as_user = {"user": user, "group": account.pw_gid, "extra_groups": []}
        ended = subprocess.run(
            [interpreter(), "-B", "-m", "tests.runtime.attacking", folder, str(level)],
            cwd=ROOT,
            env={"PATH": os.defpath, "SECRET": "hush"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            **as_user,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    if found["level"] != level:
        pytest.skip(f"this host does not allow level {level}: {found['text']}")
    return found


@pytest.fixture(params=SITUATIONS, ids=lambda s: f"{s[0]}-{s[1]}", scope="module")
def situation(request):
    return request.param


@pytest.mark.parametrize("name", PROBES)
def test_attack_does_what_the_table_says(situation, name):
    user, level = situation
    found = attacked(user, level)
    outcome = found["probes"][name]

    assert isinstance(outcome, list), outcome
    open_here = is_open(name, level, root=user == "root")
    assert bool(outcome) == open_here, outcome


@pytest.mark.parametrize("name", OFFLINE_PROBES)
def test_nothing_is_reached_where_the_network_is_off(situation, name):
    assert attacked(*situation)["offline"][name] == []


@pytest.mark.parametrize("name", ENDINGS)
def test_run_ends_in_words(situation, name):
    if situation[1] not in ENDINGS[name].levels:
        pytest.skip("this level leaves it open")
    assert attacked(*situation)["endings"][name] in ENDINGS[name].ends


def test_worker_is_unharmed(situation):
    assert attacked(*situation)["harmed"] == []


def test_nothing_is_left_behind(situation):
    found = attacked(*situation)
    assert {name: left for name, left in found["left"].items() if left} == {}
    assert found["threads"] == []


def test_table_of_the_document_is_that_of_the_tests():
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9]+)`", text))

    assert {*PROBES, *OFFLINE_PROBES, *ENDINGS} <= named
