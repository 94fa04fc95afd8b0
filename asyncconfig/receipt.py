"""What a target answered when it took something."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Receipt:
    """What a target answered: words, and what it calls the thing it took."""

    text: str
    reference: str = ""
