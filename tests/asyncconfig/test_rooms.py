"""The rooms of the engine stay small, and the map of them true."""

import re
from importlib import import_module
from pathlib import Path

import pytest

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


MAP = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
DECIDED = re.findall(r"^\| [^|]+ \| `([\w.]+)` \| `([\w./]+)::(\w+)` \|$", MAP, re.M)


def find(name):
    """Return what a dotted name below asyncconfig stands for."""
    owner, rest = asyncconfig, name.split(".")
    for part in rest:
        path = f"{owner.__name__}.{part}"
        owner = getattr(owner, part, None) or import_module(path)
    return owner


def test_the_map_names_twenty_rules():
    assert len(DECIDED) >= 20


@pytest.mark.parametrize(("name", "path", "test"), DECIDED)
def test_no_rule_of_the_map_is_elsewhere(name, path, test):
    assert find(name)
    assert f"def {test}(" in (Path(__file__).parent / path).read_text()


def test_the_map_shows_every_room():
    rooms = {
        path.stem
        for path in ROOT.iterdir()
        if path.stem not in ("migrations", "apps") and not path.stem.startswith("_")
    }

    assert {room for room in rooms if not re.search(rf"`{room}/?`", MAP)} == set()
