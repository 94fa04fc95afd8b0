"""The log of one run: its own lines around what user code writes.

In what is kept, each line of the platform begins with MARK, and no line of user code
can: there that byte is replaced. How a log is shown is in `functions.logs`.
"""

import math
import time

MARK = b"\x1e"
# What is put in its place where user code writes it.
REPLACEMENT = "\N{SYMBOL FOR RECORD SEPARATOR}".encode()
LEFT_OUT = b"\n" + MARK + b"... %d bytes left out ...\n"


class Log:
    """Keeps the first and the last part of what is written, `limit` bytes in all."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._first = bytearray()
        self._last = bytearray()
        self._left_out = 0

    def write(self, data: bytes) -> None:
        """Add what user code wrote."""
        self._add(data.replace(MARK, REPLACEMENT))

    def _add(self, data: bytes) -> None:
        room = self._half - len(self._first)
        if room > 0:
            self._first += data[:room]
            data = data[room:]
        self._last += data
        # Cut rarely: cutting moves all that is kept.
        if len(self._last) > 4 * self._half:
            self._cut()

    def line(self, text: str) -> None:
        """Add a line of the platform, with its time."""
        written = self._last or self._first
        start = b"" if not written or written.endswith(b"\n") else b"\n"
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._add(start + MARK + f"{moment} {text}\n".encode())

    def _cut(self) -> None:
        surplus = len(self._last) - self._half
        if surplus > 0:
            del self._last[:surplus]
            self._left_out += surplus

    @property
    def is_truncated(self) -> bool:
        """Whether something was left out of the middle."""
        self._cut()
        return self._left_out > 0

    def contents(self) -> bytes:
        """Return what was kept."""
        self._cut()
        gap = LEFT_OUT % self._left_out if self._left_out else b""
        return bytes(self._first + gap + self._last)


def finish_line(
    what: str,
    request_id: str,
    *,
    failed: bool,
    duration_ms: float,
    memory_mb: float,
    billed: str = "",
) -> str:
    """Return the line that ends a phase: `load`, `initialize` or `invoke`."""
    mark = f"({what} Failed)" if failed else ""
    return (
        f"Finish {what} request '{request_id}'{mark}, duration: {duration_ms:.3f}ms, "
        + (f"billing duration: {math.ceil(duration_ms)}ms, " if billed else "")
        + f"memory used: {memory_mb:.3f}MB"
        + billed
    )


def billed_part(billing_mb: int, cpu: float, storage_mb: float) -> str:
    """Return what the invocation's last line says beyond the memory used."""
    return (
        f", billing memory: {billing_mb}MB, cpu used: {cpu:.3f}U"
        f", storage used: {storage_mb:.3f}MB"
    )
