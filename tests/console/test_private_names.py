"""What other libraries do not promise, and who notices when it changes."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from django.core import checks

from tests.support.factories import make_user

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs/how-to/upgrade-a-library.md"
# Ours, kept on a request or a person; and names that are documented all the same.
NOT_BORROWED = {"_rights", "_projects", "_meta", "_default_manager", "_exit"}


def trees():
    for package in ("console", "asyncconfig", "functions"):
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text())


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name[-1] != "_"


def taken_from_others(tree):
    """Yield private names that are asked of anything but `self` and `cls`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value
            if not (isinstance(owner, ast.Name) and owner.id in ("self", "cls")):
                yield node.attr


def overridden(path):
    """Yield private names of our classes that a class of a library has, too."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    for ours in vars(module).values():
        if not isinstance(ours, type) or ours.__module__ != module.__name__:
            continue
        others = [base for base in ours.__mro__[1:] if not is_ours(base)]
        for member in filter(is_private, vars(ours)):
            if callable(vars(ours)[member]) and any(
                member in vars(base) for base in others
            ):
                yield member


def is_ours(kind):
    return kind.__module__.split(".")[0] in ("console", "asyncconfig", "functions")


def rows():
    lines = TABLE.read_text().splitlines()
    return [line.split("|")[1:-1] for line in lines if line.startswith("| `")]


def listed():
    return {name for row in rows() for name in re.findall(r"`(\w+)`", row[0])}


def test_every_private_name_of_others_is_listed():
    taken = {name for _path, tree in trees() for name in taken_from_others(tree)}
    found = taken | {
        name
        for path, _tree in trees()
        if "bootstrap" not in path.parts
        for name in overridden(path)
    }

    assert found - NOT_BORROWED <= listed()


def test_what_is_listed_is_used():
    code = "\n".join(
        path.read_text()
        for package in ("console", "asyncconfig", "functions")
        for path in (ROOT / package).rglob("*.py")
    )

    assert [name for name in listed() if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].split("`")[1])
def test_the_test_that_notices_is_there(row):
    place = row[2].split("`")[1]
    path, name = re.search(r"`(\S+)::(\w+)`", row[3]).groups()

    assert (ROOT / place).is_file()
    assert f"def {name}(" in (ROOT / path).read_text()


def test_encrypted_fields_pass_the_checks():
    assert checks.run_checks() == []


@pytest.mark.django_db
def test_only_the_administration_may_use_inline_styles(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))

    policies = [
        client.get(path).headers["Content-Security-Policy"]
        for path in ("/admin/", "/access-keys")
    ]

    assert ["'unsafe-inline'" in policy for policy in policies] == [True, False]
