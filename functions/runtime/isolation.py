"""How far this host lets user code be confined: found out by doing it."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.runtime.bootstrap import landlock

HIGHEST = 3
# From here on namespaces keep instances apart.
FULL = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Isolation:
    """A level (docs/security.md), Landlock's ABI, and whether there are cgroups.

    `refused` says for each higher level that was tried why it cannot be had.
    """

    level: int = 0
    landlock: int = 0
    cgroups: bool = False
    refused: Mapping[int, str] = field(default_factory=dict)

    @property
    def has_users(self) -> bool:
        """Whether each instance has a user of its own."""
        return self.level > 0 and os.geteuid() == 0

    @property
    def is_full(self) -> bool:
        """Whether namespaces keep instances apart from each other and the host."""
        return self.level >= FULL

    @property
    def is_by_path(self) -> bool:
        """Whether those users reach their files by their paths on the host."""
        return self.has_users and self.level == 1

    def __str__(self) -> str:
        """Say it in one line."""
        parts = [
            f"level {self.level}",
            f"Landlock ABI {self.landlock}",
            f"cgroups {'yes' if self.cgroups else 'no'}",
        ]
        why = [f"level {level}: {reason}" for level, reason in self.refused.items()]
        return ", ".join(parts) + (f" ({'; '.join(why)})" if why else "")


def candidates(highest: int) -> list[int]:
    """Return the levels to try, the best first; 3 is root's, 2 everybody else's."""
    mine = (3, 1) if os.geteuid() == 0 else (2, 1)
    return [level for level in mine if level <= highest]


def landlock_abi() -> int:
    """Return Landlock's ABI on this host; 0 where it has none."""
    return landlock.abi()
