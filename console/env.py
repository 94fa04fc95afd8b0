"""Read settings from the environment; a wrong value names its variable."""

import argparse
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from console.installation.supervision import modes
from functions.runtime.users import Users


def choose_data_dir(arguments: Sequence[str]) -> None:
    """Put the command line's --data-dir where the settings look for it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--data-dir")
    known, _rest = parser.parse_known_args(arguments)
    if known.data_dir:
        os.environ["DATA_DIR"] = str(Path(known.data_dir).resolve())


def owned_folder(name: str, *, default: Path) -> Path:
    """Return a folder of ours; one of another user is a wrong value."""
    folder = Path(text(name, default=str(default))).resolve()
    try:
        modes.check_owner(folder)
    except modes.BelongsToAnother as error:
        raise ImproperlyConfigured(str(error)) from error
    return folder


def for_children(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with changes, for a child process."""
    return {**os.environ, **changes}


def text(name: str, *, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    value = text(name, default=str(default)).lower()
    if value not in ("true", "false"):
        raise ImproperlyConfigured(f"{name} is {value!r}; write true or false.")
    return value == "true"


def words(name: str, *, default: str = "") -> list[str]:
    """Read a comma-separated list."""
    return [word.strip() for word in text(name, default=default).split(",") if word]


def user_numbers(name: str, *, default: str) -> str:
    """Read a range of numbers of users, `first-last`."""
    value = text(name, default=default)
    try:
        Users.of(value)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; write two numbers of users, as {default}."
        ) from error
    return value


def number(
    name: str, *, default: float, low: float = 0, high: float = float("inf")
) -> float:
    value = text(name, default=str(default))
    try:
        parsed = float(value)
    except ValueError:
        parsed = float("nan")
    if not low <= parsed <= high:
        raise ImproperlyConfigured(
            f"{name} is {value!r}; write a number from {low:g} to {high:g}."
        )
    return parsed


def whole(name: str, *, default: int, low: int = 0, high: float = float("inf")) -> int:
    value = number(name, default=default, low=low, high=high)
    if value != int(value):
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number.")
    return int(value)


def secret(name: str, *, file: Path) -> str:
    """Read a secret from the environment or its file, which is made when missing."""
    return text(name) or kept(name, file=file)


def kept(name: str, *, file: Path) -> str:
    """Read a secret from its file, which is made when missing.

    The file is readable by its owner only, and two processes that start at once
    agree on one value: the first to link its file wins.
    """
    try:
        if not file.exists():
            _create(file, secrets.token_urlsafe(48))
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} cannot be kept in {file}: {error.strerror}. "
            "Choose another data directory, or set the variable."
        ) from error


def _create(file: Path, value: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(value + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
