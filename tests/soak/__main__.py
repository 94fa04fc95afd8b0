"""Break everything for a while, and count what was lost.

Use: `python -m tests.soak --database postgresql --seconds 300 --seed 7`.

Exits with 1 where a promise was broken.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from tests.soak import checking
from tests.soak.clients import Client, Promised
from tests.soak.nemesis import Nemesis
from tests.soak.site import Site
from tests.soak.witness import Witness

CLIENTS = 3
MOST_SHOWN = 20


def main():
    options = _options()
    print(f"{options.database}, {options.seconds} s, seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    witness = Witness()
    site = Site(folder / "disk", options.database)
    try:
        site.start()
        site.inside("furnish", witness.server_port)
        return _soak(site, witness, options)
    finally:
        site.close()
        witness.shutdown()
        folder.rmdir()


def _soak(site, witness, options):
    promised, stop = Promised(), threading.Event()
    clients = [Client(site, promised, stop, options.seed + n) for n in range(CLIENTS)]
    nemesis = Nemesis(site, options.seed)
    for client in clients:
        client.start()
    nemesis.work(options.seconds)
    # What is still asked gets its answer, now that nothing is broken any more.
    time.sleep(3)
    stop.set()
    for client in clients:
        client.join()
    drained = checking.drain(site)
    verdict = checking.check(site, promised, witness.seen, nemesis.done)
    verdict.must(drained is not None, "not everything came to an end")
    site.stop()
    left = site.left_behind()
    verdict.must(not left, f"left behind: {left}")
    return _report(nemesis.done, verdict, drained)


def _report(done, verdict, drained):
    print(f"Faults: {sum(done.faults.values())}")
    for name, count in sorted(done.faults.items()):
        print(f"  {count:6} {name}")
    for name, why in done.not_run.items():
        print(f"  not run: {name} ({why})")
    print("Counts:")
    for name, count in sorted(verdict.figures.items()):
        print(f"  {count:6} {name}")
    if drained is not None:
        print(f"At rest {drained:.0f} s after the last fault.")
    print(f"Violations: {len(verdict.violations)}")
    for sentence in verdict.violations[:MOST_SHOWN]:
        print(f"  {sentence}")
    return bool(verdict.violations)


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
