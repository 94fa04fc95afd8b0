"""Keep children running until asked to stop, then end every one of them."""

import signal
import threading
import time
from types import FrameType

from console.installation.supervision.supervised import SupervisedProcess

STEP = 0.05
# In all less than the ten seconds that stopping may take.
PATIENCE = 7.5
LAST_PATIENCE = 1.0


class Supervisor:
    """Children, and among them the services that the others depend on."""

    def __init__(self) -> None:
        self._children: list[SupervisedProcess] = []
        self._services: list[SupervisedProcess] = []
        self._stop = threading.Event()
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGHUP, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def add(self, child: SupervisedProcess, *, is_service: bool = False) -> None:
        """Start a child; a service is ended only when those who use it are gone."""
        (self._services if is_service else self._children).append(child)
        child.start()

    def watch(self) -> None:
        """Look after the children until a signal comes."""
        while not self._stop.wait(STEP):
            self.look_after()

    def look_after(self) -> None:
        for child in (*self._services, *self._children):
            child.look_after()

    def stop(self) -> None:
        """End workers and web first, what they depend on last."""
        _end(self._children, patience=PATIENCE)
        _end(self._services, patience=LAST_PATIENCE)


def _end(children: list[SupervisedProcess], *, patience: float) -> None:
    for child in children:
        child.terminate()
    ends = time.monotonic() + patience
    while time.monotonic() < ends and any(child.is_running() for child in children):
        time.sleep(STEP)
    for child in children:
        child.signal(signal.SIGKILL)
