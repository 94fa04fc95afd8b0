"""Logs as they are read: whose line is whose (`functions.runtime.log` writes them)."""

import re
from dataclasses import dataclass
from itertools import groupby

from functions.runtime.log import MARK

# What a line of the platform has, wherever in a line of user code it stands.
LIKE_OURS = re.compile(
    r"(?:Start|Finish) (?:load|initialize|invoke) request"
    r"|\.\.\. \d+ bytes left out \.\.\."
)
LINE = re.compile(rb"[^\n]*\n|[^\n]+")
QUOTE = "> "
CUT = "…"


@dataclass(frozen=True)
class Part:
    """Lines in a row that are all the platform's (`is_ours`), or all the code's."""

    text: str
    is_ours: bool


def parts(log: bytes, *, last: int | None = None) -> list[Part]:
    """Return a log in parts; `last` keeps that many bytes, and shows that it cut.

    A log from before lines were marked is one part.
    """
    if last is not None and len(log) > last:
        log = CUT.encode() + log[-last:]
    found = []
    for is_ours, lines in groupby(LINE.findall(log), key=_is_ours):
        # A mark that is not at the beginning comes from the cut.
        text = b"".join(lines).replace(MARK, b"")
        found.append(Part(text.decode("utf-8", "replace"), is_ours))
    return found


def _is_ours(line: bytes) -> bool:
    return line.startswith(MARK)


def plain(log: bytes, *, last: int | None = None) -> bytes:
    """Return a log as clients of the cloud know it, at most its last `last` bytes.

    A line of user code that could be taken for one of the platform begins with QUOTE,
    and what is cut begins with CUT.
    """
    if MARK not in log:
        # From before lines were marked: nobody can tell whose it is.
        text = log
    else:
        shown = (
            part.text if part.is_ours else _quoted(part.text) for part in parts(log)
        )
        text = "".join(shown).encode()
    if last is None or len(text) <= last:
        return text
    room = last - len(CUT.encode())
    return (CUT + text[-room:].decode("utf-8", "ignore")).encode()


def _quoted(text: str) -> str:
    if not LIKE_OURS.search(text):
        return text
    # By every character that some reader takes for the end of a line.
    lines = text.splitlines(keepends=True)
    return "".join(QUOTE + line if LIKE_OURS.search(line) else line for line in lines)
