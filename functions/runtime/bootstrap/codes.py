"""How runs end: the kinds, and their numbers (docs/reference/endings.md)."""

from enum import StrEnum


class Kind(StrEnum):
    """How one run ended."""

    OK = "ok"
    CODE = "code"
    TIMEOUT = "timeout"
    INIT = "init"
    LOAD = "load"
    MEMORY = "memory"
    DISK = "disk"
    RESULT = "result"
    LOST = "lost"
    SYSTEM = "system"
    CANCELLED = "cancelled"


DONE = 0
ENTRY_EXCEPTION = 4001
USER_EXCEPTION = 4002
RESPONSE_TOO_LARGE = 4004
NOT_SERIALISABLE = 4007
INITIALIZER_EXCEPTION = 4009
TIMED_OUT = 4010
DISK_FULL = 4204
# The reference has no number for this; 4205 is the next free one of its range.
OUT_OF_MEMORY = 4205
CANCELLED = 4208
INITIALIZER_TIMED_OUT = 4211
INSTANCE_LOST = 150427
SYSTEM_ERROR = 330404

# With this status a child ends that has no memory left. It is its own word: how near
# to its limit an allocation that failed would have come is seen by nobody else.
EXIT_OUT_OF_MEMORY = 199
