"""Frames between the pool and a child: two lengths, a JSON header, a raw body."""

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LENGTHS = struct.Struct("!II")
MAX_HEADER_BYTES = 256 * 1024


@dataclass(frozen=True)
class Frame:
    """One message; the header is whatever the other side wrote."""

    header: Any
    body: bytes


class FrameRefused(ValueError):
    """The other side sent something that is not a frame, or one too large."""


def pack(header: Mapping[str, object], body: bytes = b"") -> bytes:
    """Return the bytes of a frame."""
    head = json.dumps(header).encode()
    return LENGTHS.pack(len(head), len(body)) + head + body


class Inbox:
    """Collects a frame from the chunks it arrives in; trusts nothing in them."""

    def __init__(self, largest_body: int) -> None:
        self._largest_body = largest_body
        self._data = bytearray()

    def feed(self, chunk: bytes) -> Frame | None:
        """Return the frame once it is complete; raise FrameRefused for a bad one."""
        self._data += chunk
        if len(self._data) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self._data)
        if head > MAX_HEADER_BYTES or body > self._largest_body:
            raise FrameRefused("The answer of the code is too large.")
        start, end = LENGTHS.size + head, LENGTHS.size + head + body
        if len(self._data) < end:
            return None
        if len(self._data) > end:
            raise FrameRefused(
                "The code answered for the runtime: there is more than one answer."
            )
        data = bytes(self._data)
        return Frame(_parse(data[LENGTHS.size : start]), data[start:])


def _parse(head: bytes) -> Any:
    try:
        return json.loads(head)
    except (ValueError, RecursionError) as error:
        raise FrameRefused(
            "The code answered for the runtime, in no readable form."
        ) from error


def read(channel: socket.socket) -> Frame | None:
    """Wait for a frame, in the child; None when the other side is gone."""
    lengths = _read_exactly(channel, LENGTHS.size)
    if lengths is None:
        return None
    head_size, body_size = LENGTHS.unpack(lengths)
    data = _read_exactly(channel, head_size + body_size)
    if data is None:
        return None
    return Frame(json.loads(data[:head_size]), data[head_size:])


def _read_exactly(channel: socket.socket, size: int) -> bytes | None:
    chunk = channel.recv(size) if size else b""
    if len(chunk) == size:
        return chunk
    data = bytearray(chunk)
    while chunk and len(data) < size:
        chunk = channel.recv(size - len(data))
        data += chunk
    return bytes(data) if len(data) == size else None
