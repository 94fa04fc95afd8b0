"""Pages without the white space that templates are laid out with."""

import re


def squeezed(text: str) -> str:
    """Return HTML with single spaces, and none beside tags."""
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?(<[^>]*?) ?> ?", r"\1>", text)
