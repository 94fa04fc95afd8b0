"""The filter of system calls: compiled once by the zygote, put on by each instance."""

import ctypes
import errno
import struct
from collections.abc import Iterable

from . import kernel, refusals

FILTER = 2
LOAD, AND, RETURN = 0x20, 0x54, 0x06
EQUAL, AT_LEAST, ANY_OF = 0x15, 0x35, 0x45

# Offsets in what the filter is shown: number, machine, then arguments of 8 bytes each,
# of which the kernel takes but the lower half in the calls looked at here.
NUMBER, MACHINE, ARGUMENT = 0, 4, (16, 24, 32)
# On x86-64 a second table of calls begins here.
X32 = 0x40000000

NAMESPACES = 0x7E020080
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
STREAM, DATAGRAM, SEQPACKET = 1, 2, 5
TYPE_MASK = 0xF
# The usual one, TCP, UDP, and TCP over several paths.
PROTOCOLS = (0, 6, 17, 262)
# They put characters into a terminal as if they had been typed there.
TYPING = (0x5412, 0x541C)

# How a call may end. Each is a label at the end of the program.
ENDS = {
    "allow": 0x7FFF0000,
    "refuse": 0x00050000 | errno.EPERM,
    "missing": 0x00050000 | errno.ENOSYS,
    "no family": 0x00050000 | errno.EAFNOSUPPORT,
}

# An instruction with the labels to go on at, "" for the next one; or a label.
Line = tuple[int, int, str, str] | str


def compiled(*, apart: bool, network: bool) -> bytes | None:
    """Return the filter; None for a machine without a table.

    `apart` says that namespaces keep the instance apart from everybody. Without them
    sockets with a path and memory to share are refused, and without `network` the
    internet's.
    """
    looked = refusals.LOOKED.get(kernel.MACHINE)
    if looked is None:
        return None
    families = [UNIX] if apart else []
    families += [INET, INET6, NETLINK] if apart or network else []
    lines = _head()
    lines += [(EQUAL, number, "refuse", "") for number in _refused(apart=apart)]
    lines += [(EQUAL, looked.clone3, "missing", "")]
    lines += _when(looked.clone, [_load(0), (ANY_OF, NAMESPACES, "refuse", "allow")])
    lines += _when(looked.socket, _socket(families))
    lines += _when(looked.ioctl, [_load(1), *_each(TYPING, "refuse"), _end("allow")])
    own = [_load(0), *_each([0], "allow"), _end("refuse")]
    lines += _when(looked.setpriority, [_load(1), (EQUAL, 0, "", "refuse"), *own])
    for number in (looked.prlimit, *looked.scheduling):
        lines += _when(number, own)
    lines.append(_end("allow"))
    return _assembled(lines)


def put_on(program: bytes) -> None:
    """Filter the calls of this thread for ever; needs no_new_privs."""
    held = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
    kernel.prctl(kernel.PR_SET_SECCOMP, FILTER, pointer)


def _refused(*, apart: bool) -> list[int]:
    """Return the numbers of the calls that are refused whatever their arguments."""
    listed = refusals.ALWAYS + (() if apart else (refusals.SHARED_IPC,))
    column = refusals.MACHINES.index(kernel.MACHINE)
    numbers = [call[column] for refusal in listed for call in refusal.calls.values()]
    return [number for number in numbers if number is not None]


def _head() -> list[Line]:
    """Begin: calls in another machine's manner are not there."""
    lines: list[Line] = [
        (LOAD, MACHINE, "", ""),
        (EQUAL, refusals.AUDIT[kernel.MACHINE], "", "missing"),
        (LOAD, NUMBER, "", ""),
    ]
    if kernel.MACHINE == "x86_64":
        lines.append((AT_LEAST, X32, "missing", ""))
    return lines


def _when(number: int, body: list[Line]) -> list[Line]:
    """Do that for one call; the body must decide it."""
    after = f"after {number}"
    return [(EQUAL, number, "", after), *body, after]


def _socket(families: list[int]) -> list[Line]:
    """Allow sockets of these families, of kinds that need no privilege."""
    return [
        _load(0),
        *_each(families, "known family"),
        _end("no family"),
        "known family",
        (EQUAL, NETLINK, "netlink", ""),
        _load(1),
        (AND, TYPE_MASK, "", ""),
        *_each([STREAM, DATAGRAM, SEQPACKET], "known type"),
        _end("refuse"),
        "known type",
        _load(2),
        *_each(PROTOCOLS, "allow"),
        _end("refuse"),
        # Of this one only what tells of addresses and routes, of whatever type.
        "netlink",
        _load(2),
        (EQUAL, 0, "allow", "refuse"),
    ]


def _load(argument: int) -> Line:
    return (LOAD, ARGUMENT[argument], "", "")


def _each(values: Iterable[int], label: str) -> list[Line]:
    return [(EQUAL, value, label, "") for value in values]


def _end(label: str) -> Line:
    return (RETURN, ENDS[label], "", "")


def _assembled(lines: list[Line]) -> bytes:
    """Return the program, with its labels turned into distances."""
    for name in ENDS:
        lines = [*lines, name, _end(name)]
    places: dict[str, int] = {}
    instructions: list[tuple[int, int, str, str]] = []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(instructions)
        else:
            instructions.append(line)
    return b"".join(
        struct.pack(
            "=HBBI",
            code,
            places[yes] - at - 1 if yes else 0,
            places[no] - at - 1 if no else 0,
            value,
        )
        for at, (code, value, yes, no) in enumerate(instructions)
    )
