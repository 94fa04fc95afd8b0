"""Password hashes are dear, so that few are computed at once.

One takes some 0.35 s of a processor, and anybody may ask for one. Whatever hashes in
this process passes the gate, because the hasher itself does: a page, a token of the
API, the administration, or a door that is built later.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from console.security.exceptions import Full

AT_ONCE = 2
MAX_WAITING = 16
WAIT_SECONDS = 5.0
USUAL_SECONDS = 0.35


def waiting_places(threads: int) -> int:
    """Return how many may wait: 16, or fewer where the web threads are few.

    Who waits holds a thread. Synchronous calls may hold half of them, so hashes leave
    at least one of the other half to the pages.
    """
    return min(MAX_WAITING, max(threads // 2 - AT_ONCE - 1, 1))


class Gate:
    """Lets `at_once` in, has `waiting` wait, and refuses the others at once.

    Owners are those who have proved something before. They wait in a queue of their
    own, which goes first, each with one place: strangers never keep them out, and an
    owner who asks for a second place at once is a stranger with it.
    """

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._waiting = waiting
        self._changed = threading.Condition()
        self._running = 0
        self._owners: set[str] = set()
        self._first: list[object] = []
        self._others: list[object] = []
        self._usual = USUAL_SECONDS
        self._thread = threading.local()

    @contextmanager
    def place(self, owner: str = "") -> Iterator[None]:
        """Hold a place; raises Full where there is none, or none within 5 s.

        A thread that holds one already goes on with it.
        """
        if getattr(self._thread, "is_inside", False):
            yield
            return
        is_own = self._enter(owner)
        began = time.monotonic()
        self._thread.is_inside = True
        try:
            yield
        finally:
            self._thread.is_inside = False
            self._leave(owner if is_own else "", time.monotonic() - began)

    def _enter(self, owner: str) -> bool:
        ticket = object()
        with self._changed:
            is_own = bool(owner) and owner not in self._owners
            queue = self._first if is_own else self._others
            if len(queue) >= self._waiting:
                raise Full(self._seconds())
            queue.append(ticket)
            if is_own:
                self._owners.add(owner)
            came = self._changed.wait_for(lambda: self._is_next(ticket), WAIT_SECONDS)
            queue.remove(ticket)
            if not came:
                self._owners.discard(owner if is_own else "")
                self._changed.notify_all()
                raise Full(self._seconds())
            self._running += 1
            self._changed.notify_all()
        return is_own

    def _is_next(self, ticket: object) -> bool:
        if self._running >= self._at_once:
            return False
        return (self._first or self._others)[0] is ticket

    def _leave(self, owner: str, took: float) -> None:
        with self._changed:
            self._running -= 1
            self._owners.discard(owner)
            self._usual += (took - self._usual) / 8
            self._changed.notify_all()

    def _seconds(self) -> int:
        """Return when one who comes again will probably be let in, 1 s or more."""
        ahead = self._running + len(self._first) + len(self._others)
        return max(math.ceil(ahead * self._usual / self._at_once), 1)


gate = Gate(at_once=AT_ONCE, waiting=waiting_places(settings.WEB_THREADS))


class GatedHasher(PBKDF2PasswordHasher):
    """Django's hasher, behind the gate; the hashes are the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with gate.place():
            return super().encode(password, salt, iterations)
