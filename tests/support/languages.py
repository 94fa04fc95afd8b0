"""Which languages a case is tried in: each in one, or in every one."""

import os
from itertools import cycle, product

LANGUAGES = ("en", "zh-hans")


def in_languages(cases):
    """Pair cases with languages, which take turns.

    With EVERY_LANGUAGE set, as in `make test-everywhere`, each case meets each.
    """
    if os.environ.get("EVERY_LANGUAGE"):
        return list(product(cases, LANGUAGES))
    return list(zip(cases, cycle(LANGUAGES), strict=False))
