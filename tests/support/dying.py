"""Run a command that is killed, as by kill -9, at a named point of its work.

Use: `python -m tests.support.dying POINT COMMAND …`, as `manage.py COMMAND …` would.
"""

import importlib
import os
import signal
import sys
from dataclasses import dataclass
from functools import reduce

import django
from django.core.management import call_command


@dataclass(frozen=True)
class Point:
    """Right after a function of ours has done something, and before who called it."""

    module: str
    name: str


# Whoever calls one of these has done it and not heard of it when it dies.
POINTS = {
    "stored the request": Point("asyncconfig.invocations.accepting", "_store"),
    "chose what to claim": Point("asyncconfig.lanes.invoking", "InvokeLane.claim"),
    "claimed it": Point(
        "asyncconfig.worker.dispatching", "Dispatcher._settle_and_claim"
    ),
    "ran it": Point("asyncconfig.lanes.invoking", "InvokeLane.run"),
    "wrote how it ended": Point("asyncconfig.invocations.finishing", "finish"),
    "committed how it ended": Point("asyncconfig.queue", "ring_now"),
    "gave it to a function": Point(
        "asyncconfig.destinations.function", "FunctionDestination.send"
    ),
    "sent it to a subscriber": Point(
        "asyncconfig.services.topics.subscribers.web", "WebSubscriber.send"
    ),
    "freed what the dead held": Point("asyncconfig.invocations.settling", "requeue"),
}


def arm(name):
    """Let this process die at the point, the first time that anything came of it."""
    point = POINTS[name]
    *path, last = point.name.split(".")
    owner = reduce(getattr, path, importlib.import_module(point.module))
    real = getattr(owner, last)

    def dying(*args, **kwargs):
        result = real(*args, **kwargs)
        # A claim of nothing is no claim.
        if result != [] and "notify" not in args:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, dying)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    arm(sys.argv[1])
    call_command(*sys.argv[2:])
