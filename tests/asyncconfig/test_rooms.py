"""The rooms of the engine stay small enough to look through."""

from pathlib import Path

import asyncconfig

MAX_MODULES = 14
ROOT = Path(asyncconfig.__file__).parent


def test_no_folder_becomes_a_corridor():
    folders = {ROOT, *(path.parent for path in ROOT.rglob("*.py"))}
    sizes = {
        str(folder.relative_to(ROOT)): len(list(folder.glob("[!_]*.py")))
        for folder in folders
        if folder.name != "migrations"
    }

    assert {name: n for name, n in sizes.items() if n > MAX_MODULES} == {}
