"""How much of a body an address takes, and for how long it waits for it."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings

View = TypeVar("View", bound=Callable[..., Any])

SMALL = 64 * 1024
LARGE_AT_ONCE = 4
AT_ONCE_SECONDS = 0.05
FETCHED_SECONDS = 60.0

# Whose account bodies are on that anybody may send.
ANYBODY = ""

# What the door tells the application in the environment of a request.
HEAD_ONLY = "console.head_only"
LATE = "console.late"


def seconds_for(size: int) -> float:
    """Return how long a body of `size` bytes may take to come in."""
    return settings.BODY_SECONDS if size <= SMALL else settings.UPLOAD_SECONDS


def takes(most: int) -> Callable[[View], View]:
    """Let a page take a body of up to `most` bytes instead of 64 KB."""

    def marked(view: View) -> View:
        view.most_body = most  # type: ignore[attr-defined]
        return view

    return marked


def form_with(size: int) -> int:
    """Return how large a form may be that has `size` bytes in a field.

    In the usual encoding a byte becomes up to three.
    """
    return 3 * size + SMALL


def most_of(view: Callable[..., Any]) -> int:
    """Return how large a body a page takes, in bytes."""
    return int(getattr(view, "most_body", SMALL))
