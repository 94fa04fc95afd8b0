"""Ask a service whether a target is there, and remember the answer for a moment."""

import hashlib
import threading
import time
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from asyncconfig.destinations.base import Destination
from functions.models import Version

REMEMBERED_SECONDS = 10.0
MAX_KEPT_ANSWERS = 256


@dataclass(frozen=True)
class Verification:
    """A warning or "", or why the target cannot be."""

    warning: str = ""
    error: ValidationError | None = None


class Memory:
    """The answers of the last seconds; typing must not hammer a service."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Verification]] = {}

    def get(self, key: str) -> Verification | None:
        with self._lock:
            kept = self._kept.get(key)
        is_fresh = kept is not None and kept[0] > time.monotonic()
        return kept[1] if kept and is_fresh else None

    def keep(self, key: str, answer: Verification) -> None:
        with self._lock:
            if len(self._kept) >= MAX_KEPT_ANSWERS:
                self._kept.clear()
            self._kept[key] = (time.monotonic() + REMEMBERED_SECONDS, answer)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


memory = Memory()


def ask(
    destination: Destination, param: str, version: Version, *, fresh: bool
) -> Verification:
    """Return what the service says; `fresh` asks again whatever is remembered."""
    key = _key(destination, param, version)
    answer = None if fresh else memory.get(key)
    if answer is None:
        answer = _ask(destination, param, version)
        memory.keep(key, answer)
    return answer


def _ask(destination: Destination, param: str, version: Version) -> Verification:
    try:
        return Verification(warning=destination.verify(param, version))
    except ValidationError as error:
        return Verification(error=error)


def _key(destination: Destination, param: str, version: Version) -> str:
    """Name what the answer depends on: who asks, with which key, and for what."""
    reach = version.agency.reach_json if version.agency else ""
    told = [destination.kind, param, version.pk, version.vpc_id, reach]
    return hashlib.sha256(repr(told).encode()).hexdigest()
