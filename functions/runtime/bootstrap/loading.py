"""Find and import the function a handler names."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from .answers import HandlerUnfit


def load(handler: str, code_root: str) -> Callable[..., Any]:
    """Import the module of `src/index.handler` and return its function.

    Raises HandlerUnfit where the handler is at fault, and whatever the module's own
    code raises.
    """
    path, _, function = handler.rpartition(".")
    folder, _, name = path.rpartition("/")
    if not name or not function or ".." in folder.split("/") or path.startswith("/"):
        raise HandlerUnfit(
            "FunctionConfigError",
            f"handler '{handler}' is not of the form file.function",
        )
    module = _module(name, os.path.join(code_root, folder) if folder else code_root)
    try:
        found = getattr(module, function)
    except AttributeError as error:
        raise _missing(function, name, error) from None
    if not callable(found):
        reason = f"'{type(found).__name__}' object is not callable"
        raise _missing(function, name, reason)
    return found  # type: ignore[no-any-return]


def _missing(function: str, module: str, reason: object) -> HandlerUnfit:
    return HandlerUnfit(
        "FunctionConfigError",
        f"handler '{function}' not found in module '{module}': {reason}",
    )


def _module(name: str, folder: str) -> ModuleType:
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None) or ""
    if loaded is not None and origin.startswith(folder + os.sep):
        return loaded
    # By its place and not by its name: a module called `json` or `test` is theirs.
    spec = PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        reason = f"No module named '{name}'{_where_it_is(name, folder)}"
        raise HandlerUnfit("FunctionLoadError", f"module '{name}' not found: {reason}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise _named(error, name) from None
    return module


def _where_it_is(name: str, folder: str) -> str:
    """Say that all code is in one folder, as archives often have it; "" if not."""
    try:
        (only,) = os.listdir(folder)
        inside = os.listdir(os.path.join(folder, only))
    except (OSError, ValueError):
        return ""
    if {name, f"{name}.py"}.isdisjoint(inside):
        return ""
    return f"; the code is in folder '{only}': pack its contents"


def _named(error: SyntaxError, name: str) -> SyntaxError:
    """Return the error in the cloud's words: Syntax error in module 'index'(…)."""
    named = SyntaxError(f"Syntax error in module '{name}'({error})")
    named.__cause__ = None
    return named.with_traceback(error.__traceback__)
