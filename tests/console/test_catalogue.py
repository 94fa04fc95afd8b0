"""The Chinese catalogue has each sentence of the sources, and no other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = "console/locale/zh_Hans/LC_MESSAGES/django.po"
ENTRY = re.compile(r'^(?:msgctxt ".*"\n)?msgid "(?:[^"\\]|\\.)+"$', re.MULTILINE)


@pytest.mark.skipif(not shutil.which("xgettext"), reason="needs gettext")
def test_each_sentence_is_in_the_catalogue_and_no_other_is(tmp_path):
    """Merges bring back old entries, and lose new ones, without a conflict."""
    for name in ("asyncconfig", "console", "functions", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "manage.py", tmp_path)
    known = entries(ROOT / CATALOGUE)

    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "zh_Hans", "-v0"],
        cwd=tmp_path,
        env=os.environ
        | {
            "DATA_DIR": str(tmp_path / "data"),
            "DJANGO_SETTINGS_MODULE": "console.settings",
        },
        check=True,
    )

    said = entries(tmp_path / CATALOGUE)
    assert (said - known, known - said) == (set(), set())


def entries(path):
    """Return the contexts and sentences that the sources have, one line each."""
    shown = subprocess.run(
        ["msgattrib", "--no-obsolete", "--no-wrap", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ENTRY.findall(shown.stdout))
