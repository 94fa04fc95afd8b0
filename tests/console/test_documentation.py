"""What the documents say of the code, as far as a program can tell."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def test_every_setting_is_explained_once():
    code = (ROOT / "console/settings.py").read_text()
    table = (ROOT / "docs/reference/settings.md").read_text()
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    explained = re.findall(r"`([A-Z_]+)`", " ".join(rows))

    # A setting may be read twice: as it was given, and as it is kept in a file.
    assert sorted(explained) == sorted({*re.findall(r'env\.\w+\(\s*"(\w+)"', code)})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    for link in LINK.findall(document.read_text()):
        assert (document.parent / link).exists(), link


def test_the_index_names_every_document():
    index = ROOT / "docs/index.md"
    listed = {
        (index.parent / link).resolve() for link in LINK.findall(index.read_text())
    }

    assert listed == {*(ROOT / "docs").rglob("*.md")} - {index}


def test_decisions_are_numbered_in_one_sequence():
    decisions = sorted((ROOT / "docs/decisions").iterdir())

    for number, decision in enumerate(decisions, start=1):
        assert decision.name.startswith(f"{number:04}-")
        assert decision.read_text().startswith(f"# {number:04} ")
