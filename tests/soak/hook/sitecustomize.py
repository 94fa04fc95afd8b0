"""Put the clock of every process of a soak where SOAK_CLOCK, a file, says.

Python loads it by itself, from PYTHONPATH. It adds the seconds in that file to the
offset that `asyncconfig.clock` has for tests.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

NAME = "asyncconfig.clock"


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != NAME:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.now = _moved(module, module.now)

        spec.loader.exec_module = exec_module
        return spec


def _moved(module, now):
    where = Path(os.environ["SOAK_CLOCK"])

    def moved():
        with suppress(OSError, ValueError):
            module._offset = timedelta(seconds=float(where.read_text()))
        return now()

    return moved


if os.environ.get("SOAK_CLOCK"):
    sys.meta_path.insert(0, _Finder())
