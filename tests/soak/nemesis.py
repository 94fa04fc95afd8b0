"""Somebody who breaks one thing after another, and says what and how often."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.soak.plan import LEASE

PARTS = {
    "worker": "--queue invoke",
    "courier": "--queue deliver",
    "notifier": "--queue notify",
    "web server": "granian",
    "Valkey": "valkey-server",
    "object storage": "weed",
}
OURS = ("worker", "courier", "notifier")
PAUSE = 1.5
JUMP = 40


@dataclass
class Done:
    """What was done, how often, what could not be and why, and when who was stopped."""

    faults: Counter = field(default_factory=Counter)
    not_run: dict = field(default_factory=dict)
    stopped: list = field(default_factory=list)


class Nemesis:
    """Works in the caller's thread until the time is over."""

    def __init__(self, site, seed):
        self._site = site
        self._chance = random.Random(seed)
        self.done = Done()

    def _faults(self):
        """Return (name, act) of all that can be done here."""
        faults = [
            *((f"kill -9 {part}", self._kill(part)) for part in PARTS),
            *((f"SIGTERM {part}", self._end(part)) for part in (*OURS, "web server")),
            *((f"SIGSTOP {part} past its lease", self._stop(part)) for part in OURS),
            ("kill -9 up", self._kill_up),
            ("clock put forward and back", self._jump),
        ]
        if self._site.is_small_disk:
            faults.append(("disk full", self._fill))
        else:
            self.done.not_run["disk full"] = "a small disk may not be mounted here"
        if self._site.server:
            faults.append(("restart of PostgreSQL", self._site.server.restart))
            faults.append(("silent line to PostgreSQL", self._cut))
        self.done.not_run["jump of the host's clock"] = "others live on this host too"
        return faults

    def work(self, seconds):
        """Do each fault once in random order, then any, for so many seconds."""
        faults = self._faults()
        ends = time.monotonic() + seconds
        round_of = []
        while time.monotonic() < ends:
            if not round_of:
                round_of = faults[:]
                self._chance.shuffle(round_of)
            name, act = round_of.pop()
            print(f"  {seconds - (ends - time.monotonic()):6.1f} s  {name}", flush=True)
            act()
            self.done.faults[name] += 1
            time.sleep(PAUSE * self._chance.uniform(0.3, 1.7))
        self._site.put_clock(0)

    def _kill(self, part):
        return lambda: self._site.send(PARTS[part], signal.SIGKILL)

    def _end(self, part):
        return lambda: self._site.send(PARTS[part], signal.SIGTERM)

    def _stop(self, part):
        def stop():
            began = time.monotonic()
            pid = self._site.send(PARTS[part], signal.SIGSTOP)
            time.sleep(LEASE * 1.7)
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            self.done.stopped.append((began, time.monotonic() + LEASE))

        return stop

    def _kill_up(self):
        self._site.kill_up()
        self._site.start()

    def _jump(self):
        self._site.put_clock(JUMP)
        time.sleep(LEASE)
        self._site.put_clock(0)

    def _fill(self):
        """Leave not a byte, for a lease."""
        where = self._site.folder / "filler"
        with suppress(OSError), where.open("wb") as file:
            while True:
                file.write(b"x" * 1_048_576)
                file.flush()
        time.sleep(LEASE)
        where.unlink(missing_ok=True)

    def _cut(self):
        self._site.line.freeze()
        time.sleep(LEASE * 1.7)
        self._site.line.thaw()
