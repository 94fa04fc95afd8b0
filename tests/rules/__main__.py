"""Take each rule of the engine away, one after another; a test must miss it.

Use: `python -m tests.rules`, or with a part of what the rules say.

It works on a copy of the tree. Exits with 1 where a rule was not missed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rules.table import RULES

ROOT = Path(__file__).resolve().parents[2]
KEEP_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".uv", "var", "node_modules", ".rules-*"
)
PYTEST = [sys.executable, "-m", "pytest", "-n0", "-x", "-q"]
ON_POSTGRESQL = [sys.executable, "-m", "tests.support.with_postgresql"]


def main(asked):
    # Beside what is copied: user code is kept out of temporary folders.
    with tempfile.TemporaryDirectory(prefix=".rules-", dir=ROOT) as folder:
        Path(folder).chmod(0o755)
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=KEEP_OUT)
        missed = [is_missed(tree, one) for one in RULES if asked in one.says]
    print(f"{sum(missed)} of {len(missed)} rules are missed when they are gone.")
    return not all(missed)


def is_missed(tree, rule):
    """Say whether the rule's test passes with it and fails without it."""
    file = tree / rule.file
    whole = file.read_text()
    with_it = run(tree, rule)
    file.write_text(whole.replace(rule.text, rule.without))
    without_it = run(tree, rule)
    file.write_text(whole)
    verdict = {(0, 1): "missed"}.get((with_it, without_it), "NOT MISSED")
    print(f"{verdict:10} {rule.says} ({with_it}, {without_it})", flush=True)
    return verdict == "missed"


def run(tree, rule):
    command = [*PYTEST, *rule.test.split()]
    if rule.database == "postgresql":
        command = ON_POSTGRESQL + command
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else ""))
