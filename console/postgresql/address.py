"""Where PostgreSQL is, and what holds for every connection with it."""

from collections.abc import Mapping
from typing import Any

import dj_database_url

# Of the three, the first to notice decides: a line that is cut is noticed after 10 s.
TCP = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
LOCK_SECONDS = 10
# Who is cut off in the middle of a transaction leaves its locks behind.
IDLE_SECONDS = 10


def parse(url: str, *, statement_seconds: float) -> dict[str, Any]:
    """Return Django's settings for a database; the URL's own options win.

    `statement_seconds` bounds each statement but those that change the schema; 0
    means no limit.
    """
    made: dict[str, Any] = dict(dj_database_url.parse(url))
    if made["ENGINE"] == "django.db.backends.postgresql":
        made["ENGINE"] = "console.postgresql"
        made["OPTIONS"] = _options(made.get("OPTIONS", {}), statement_seconds)
    return made


def _options(theirs: Mapping[str, Any], statement_seconds: float) -> dict[str, Any]:
    limits = {
        "statement_timeout": statement_seconds,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    ours = [f"-c {name}={seconds * 1000:.0f}" for name, seconds in limits.items()]
    # Of two values for one name the server takes the last.
    options = " ".join([*ours, theirs.get("options", "")]).strip()
    return {**TCP, **theirs, "options": options}
