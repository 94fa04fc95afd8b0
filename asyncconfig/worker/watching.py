"""End a process whose dispatcher no longer gets anything done."""

import threading
from collections.abc import Callable

TICK_SECONDS = 1.0
# Longer than anything that a step may rightly wait for.
MAX_TICKS = 30


class Watch:
    """Counts the seconds in which nothing is noted; calls `stuck` when they are 30.

    It counts its own ticks and reads no clock: a process that was stopped and goes
    on has missed none.
    """

    def __init__(self, *, stuck: Callable[[], None]) -> None:
        self._stuck = stuck
        self._ticks = 0
        self._stop = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def note(self) -> None:
        """Say that something was done, or that it is known what it waits for."""
        self._ticks = 0

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks >= MAX_TICKS:
            self._stuck()

    def _run(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            self.tick()
