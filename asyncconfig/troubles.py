"""Tell what a row itself causes from what passes: only the first decides its fate."""

from django.db import DataError, IntegrityError, ProgrammingError
from django.db import Error as DatabaseTrouble

# SQLSTATE class 54: what is to be written is larger than the database takes.
TOO_LARGE = "54"
MAX_REASON_CHARACTERS = 300


def is_passing(error: Exception) -> bool:
    """Say whether the same may go well later.

    A full disk, a lock that was not had in time, a deadlock, a lost connection, no
    memory and a schema that is being changed pass. What the database or its driver
    refuses because of the values, and whatever our own code raises, does not.
    """
    if isinstance(error, DataError | IntegrityError):
        return False
    if not isinstance(error, DatabaseTrouble):
        return isinstance(error, MemoryError)
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(error, ProgrammingError):
        # Without a state it was never sent: the driver cannot write such a value.
        return state is not None
    return not (state or "").startswith(TOO_LARGE)


def in_words(error: Exception) -> str:
    """Name the error in one bounded line: what follows may quote whole rows."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:MAX_REASON_CHARACTERS]
