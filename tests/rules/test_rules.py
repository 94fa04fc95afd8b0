"""The table of rules stays true: each is still there, and its test too, and told."""

import re
from pathlib import Path

import pytest

from tests.rules.table import RULES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_rule_can_still_be_taken_away(rule):
    assert (ROOT / rule.file).read_text().count(rule.text) == 1
    for test in rule.test.split():
        file, _mark, name = test.partition("::")
        assert not name or f"def {name}(" in (ROOT / file).read_text()
    assert rule.says in DOCUMENT.read_text()


def test_every_test_that_the_document_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", DOCUMENT.read_text())
    assert named
    for file, name in named:
        text = (ROOT / file).read_text()
        assert not name or f"def {name}(" in text
