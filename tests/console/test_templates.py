"""Templates stay readable, and what htmx needs is written in few places."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MAX_LINE = 120
MAX_BYTES = 6 * 1024
MAX_BYTES_PER_LINE = 45


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_no_template_is_too_long_to_read(path):
    text = path.read_text()
    long = [line for line in text.splitlines() if len(line) > MAX_LINE]

    assert long == []
    assert len(text.encode()) <= MAX_BYTES


def test_lines_of_templates_are_short_on_average():
    texts = [path.read_text() for path in TEMPLATES]
    lines = sum(text.count("\n") for text in texts)

    assert sum(len(text) for text in texts) / lines <= MAX_BYTES_PER_LINE


def test_only_components_say_where_dialogs_open_and_what_asks_for_itself():
    elsewhere = [
        path.name
        for path in TEMPLATES
        if path.parent.name != "components"
        and re.search(r'hx-target="#dialog-root"|catchup', path.read_text())
    ]

    assert elsewhere == []


def test_only_one_module_knows_the_headers_of_htmx():
    """And one the attributes: templates write those, views give data."""
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in (ROOT / "console").rglob("*.py")
    }

    assert {one for one in sources if "HX-" in sources[one]} == {"console/ui/htmx.py"}
    assert [one for one in sources if re.search(r"\bhx-", sources[one])] == []


def test_every_mark_of_a_side_is_written_by_one_tag():
    marked = [
        path.name
        for path in TEMPLATES
        if re.search(r'class="(ok|bad)"[^>]*>[✓✗]', path.read_text())
        and path.parent.name != "operate"  # there they say whether a sum is right
    ]

    assert marked == []
