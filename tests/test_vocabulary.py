"""One word, one thing: names that the code shares out only once."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("asyncconfig", "console", "functions")
OTHER_WORDS_FOR_MAX = re.compile(
    r"_?(?:MOST|LARGEST|LONGEST|BIGGEST)_\w+|\w+_LIMIT\w*|_?(?:SMALLEST|SHORTEST)_\w+"
)
# Django finds these by their names.
NAMED_BY_OTHERS = {"Command", "DatabaseWrapper"}
# A noun has one file for each of these roles.
ROLES = {
    *("models", "forms", "api", "pages", "destinations", "subscribers", "commands"),
}
MAX_SHARED_FILE_NAMES = 12
# Operators set these, or read them in the documentation.
SETTINGS = {"ASYNC_BODY_LIMIT", "ASYNC_RESULT_LIMIT", "SYNC_BODY_LIMIT"}


def modules():
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def test_limits_are_called_max_and_their_unit():
    found = {
        f"{path}: {node.id}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and OTHER_WORDS_FOR_MAX.fullmatch(node.id)
        and node.id not in SETTINGS
    }
    assert found == set()


def test_no_two_classes_share_a_name():
    """Classes within classes have the outer one in front of their names."""
    owners = defaultdict(list)
    for path, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                owners[node.name].append(str(path))
    shared = {name: paths for name, paths in owners.items() if len(paths) > 1}
    assert {name: shared[name] for name in set(shared) - NAMED_BY_OTHERS} == {}


def test_no_import_calls_one_of_our_modules_otherwise():
    names = {path.stem for path, _tree in modules()} | set(PACKAGES)
    renamed = {
        f"{path}:{node.lineno}: {alias.name} as {alias.asname}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
        if alias.asname and is_ours(node, alias) and alias.name.split(".")[-1] in names
    }
    assert renamed == set()


def is_ours(node, alias):
    source = (isinstance(node, ast.ImportFrom) and node.module) or alias.name
    return source.split(".")[0] in PACKAGES


def test_file_names_that_occur_twice_are_few_and_in_the_glossary():
    owners = defaultdict(list)
    for path, _tree in modules():
        if not ROLES & set(path.parts) and path.name != "__init__.py":
            owners[path.name].append(str(path))
    shared = {name: paths for name, paths in owners.items() if len(paths) > 1}
    listed = (ROOT / "docs" / "glossary.md").read_text().partition("## File names")[2]

    assert len(shared) <= MAX_SHARED_FILE_NAMES, shared
    assert {name for name in shared if f"`{name}`" not in listed} == set()


def test_the_glossary_has_one_line_a_word_in_order():
    text = (ROOT / "docs" / "glossary.md").read_text().partition("## ")[0]
    words = [line.split("|")[1].strip() for line in text.splitlines() if "|" in line]
    assert words[2:] == sorted(set(words[2:]))


def test_arguments_of_a_sentence_are_called_params():
    found = {
        f"{path}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mod)
        and isinstance(node.right, ast.Name)
        and isinstance(node.left, ast.Name | ast.Call)
        and node.right.id == "told"
    }
    assert found == set()
