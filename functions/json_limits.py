"""JSON that can be kept: PostgreSQL takes no NUL, and UTF-8 no half of a pair."""

import re
from typing import Any

UNKEPT = re.compile(r"[\x00\ud800-\udfff]")
MAX_LEVELS = 16


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


def is_shallow(read: Any) -> bool:
    """Say whether JSON that was read is at most 16 levels deep.

    That can be read again wherever it is stored, however deep the stack is there.
    """
    level = [read]
    for _number in range(MAX_LEVELS):
        level = [inner for one in level for inner in _containers(one)]
    return not level


def _containers(one: Any) -> list[Any]:
    members = one.values() if isinstance(one, dict) else one
    return [member for member in members or () if isinstance(member, dict | list)]
