"""One word, one thing: names that the code shares out only once."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("asyncconfig", "console", "functions")
OTHER_WORDS_FOR_MAX = re.compile(
    r"_?(?:MOST|LARGEST|LONGEST|BIGGEST)_\w+|\w+_LIMIT\w*|_?(?:SMALLEST|SHORTEST)_\w+"
)
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
