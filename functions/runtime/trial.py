"""Finds the highest level of isolation by running a function at each, from the top."""

import logging
import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Lock

from functions.runtime.bootstrap import view
from functions.runtime.cell import Cells
from functions.runtime.cgroups import Cgroups
from functions.runtime.codestore import UnpackingFailed, unpack
from functions.runtime.execution import Execution, NeverBegan
from functions.runtime.folder import Home
from functions.runtime.instance import Instance
from functions.runtime.isolation import Isolation, candidates, landlock_abi
from functions.runtime.log import Log
from functions.runtime.oom import OomWatch
from functions.runtime.spec import Call, Spec
from functions.runtime.users import Users
from functions.runtime.zygotes import (
    NotForked,
    Zygote,
    ZygoteLost,
    available_runtimes,
)

SECONDS = 15
TRIES = 2
# What any function does: load from the library, in C too, and write a file.
SOURCE = b"""
import decimal, os, sqlite3, zlib
def handler(event, context):
    with open(os.path.join(os.environ["TMPDIR"], "trial"), "w") as file:
        file.write("written")
"""

logger = logging.getLogger(__name__)
_turn = Lock()
_found: dict[object, Isolation] = {}


def make_cells(
    root: Path, home: Home, highest: int, users: str, *, use_cgroups: bool
) -> Cells:
    """Return what instances of a pool are confined with; see Pool."""
    numbers = Users.of(users)
    found = probe(highest, root=root, home=home, users=numbers)
    store = root / "code"
    store.mkdir(parents=True, exist_ok=True)
    if found.is_by_path:
        let_pass([root.parent, root, root / "pools", home.path(), store])
    pool = home.path()
    groups = Cgroups.make(pool.parent, pool.name) if use_cgroups else None
    isolation = replace(found, cgroups=groups is not None)
    return Cells(isolation, root=root, home=home, users=numbers, cgroups=groups)


def probe(highest: int, *, root: Path, home: Home, users: Users) -> Isolation:
    """Return the best isolation up to a level; a process finds it out but once.

    `root` and `home` are folders that instances will run from.
    """
    key = (highest, os.geteuid(), users.numbers)
    with _turn:
        if key not in _found:
            _found[key] = _probe(highest, root, home, users)
        return _found[key]


def _probe(highest: int, root: Path, home: Home, users: Users) -> Isolation:
    refused: dict[int, str] = {}
    for level in candidates(highest):
        found = Isolation(level, landlock_abi())
        # Twice: a host that is too busy at one moment is none that refuses.
        for _ in range(TRIES):
            reason = _tried(found, root, home, users)
            if not reason:
                return replace(found, refused=refused)
        refused[level] = reason
    return Isolation(0, landlock_abi(), refused=refused)


def _tried(found: Isolation, root: Path, home: Home, users: Users) -> str:
    """Say why a level cannot be had, if so; nothing is raised for what hosts refuse."""
    try:
        return _refusal(found, root, home, users)
    except (ZygoteLost, NotForked, UnpackingFailed, OSError) as error:
        return getattr(error, "strerror", None) or str(error) or repr(error)


def _refusal(found: Isolation, root: Path, home: Home, users: Users) -> str:
    """Run the function at that level; say why it does not work, if so."""
    if found.has_users and (names := users.taken_by()):
        return f"INSTANCE_USERS holds numbers of others: {names}"
    store = home.path() / "trial"
    if found.is_by_path:
        let_pass([root.parent, root, root / "pools", home.path()])
        for path in (home.path(), *map(Path, view.own_trees())):
            if closed := _closed_above(path):
                return f"no other user may pass {closed}, below which is {path}"
    try:
        return _run(_spec(), store, Cells(found, root=root, home=home, users=users))
    finally:
        shutil.rmtree(store, ignore_errors=True)


def _run(spec: Spec, store: Path, cells: Cells) -> str:
    """Run a function once, from the start of a zygote on; return its error."""
    level = cells.isolation.level
    zygote = Zygote(spec.runtime, level=level, root=cells.root)
    try:
        home = cells.home.path()
        code = unpack(spec, store, parts=home, largest=len(SOURCE))
        try:
            if cells.isolation.is_by_path:
                let_pass([store])
            instance = Instance(spec, zygote, cells, code)
        except BaseException:
            code.release()
            raise
        return _error_of(instance)
    finally:
        zygote.end()


def _error_of(instance: Instance) -> str:
    attempt = Execution(
        instance, Call("trial"), Log(4096), load_seconds=SECONDS, oom=OomWatch()
    )
    try:
        return attempt.run().error
    except NeverBegan as death:
        return death.outcome.error
    finally:
        instance.dispose()


def _spec() -> Spec:
    return Spec(
        key="trial",
        project_id="",
        function="trial",
        package="",
        version="",
        runtime=available_runtimes()[0],
        handler="index.handler",
        timeout=SECONDS,
        memory_mb=128,
        code_digest="trial",
        code=SOURCE,
    )


def _closed_above(path: Path) -> Path | None:
    """Return the folder above a path that other users may not pass, if there is one."""
    for folder in reversed(path.parents):
        if not os.stat(folder).st_mode & 0o001:
            return folder
    return None


def let_pass(folders: Iterable[Path]) -> None:
    """Let users of instances pass through folders of ours, and see nothing in them."""
    for folder in folders:
        mode = stat.S_IMODE(os.stat(folder).st_mode)
        if mode & 0o111 != 0o111:
            os.chmod(folder, mode | 0o111)  # noqa: S103 - the point of it
