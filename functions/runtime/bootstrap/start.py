"""The zygote's main program: `python -I -S start.py <control fd> <parent pid>`.

It is run by its path, without the packages above it, and gives its package a name of
its own.
"""

import importlib
import importlib.util
import os
import sys
from typing import Any

PACKAGE = "_fgconsole"


def _load() -> tuple[Any, Any]:
    folder = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        PACKAGE,
        os.path.join(folder, "__init__.py"),
        submodule_search_locations=[folder],
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} cannot be imported")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    return (
        importlib.import_module(f"{PACKAGE}.zygote"),
        importlib.import_module(f"{PACKAGE}.child"),
    )


def main(control: int, parent: int) -> None:
    """Serve as zygote; each child comes back here, to a clean stack."""
    zygote, child = _load()
    born = zygote.serve(control, parent)
    if born is not None:
        child.serve(born)


if __name__ == "__main__":
    # The folder of this file is user code's to have, not ours.
    del sys.path[:1]
    main(int(sys.argv[1]), int(sys.argv[2]))
