"""Texts that can be kept: PostgreSQL takes no NUL, and UTF-8 no half of a pair."""

import re
from typing import Any

UNKEPT = re.compile(r"[\x00\ud800-\udfff]")


def can_be_kept(read: Any) -> bool:
    """Say whether JSON that was read, however deep, has only texts that can be kept.

    That is its keys and strings: none has a NUL or half of a surrogate pair.
    """
    waiting = [read]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and UNKEPT.search(one):
            return False
    return True
