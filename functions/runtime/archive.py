"""Which archives can be unpacked, and where each of their members then goes.

One judge for those who take an archive and for those who unpack it: what it makes a
plan of can be carried out, on any host.
"""

import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MAX_FILES = 65_536
MAX_LEVELS = 100
MAX_NAME_BYTES = 1024  # of a path, and of where a link leads, in bytes
MAX_PART_BYTES = 255
MAX_LINKS = 16_384
MAX_LINK_STEPS = 256  # until a link is taken to lead in circles
ENCRYPTED = 0x1
UTF8_NAME = 0x800
FROM_DOS = 0
# Others unpack as much at once as they like, whatever size they state.
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# The most that deflate makes of a byte.
MAX_RATIO = 1032


class Reason(Enum):
    """Why an archive is refused, as the result of a run says it."""

    EMPTY = "there is no file in the archive"
    MANY = f"the archive has more than {MAX_FILES} files and folders"
    METHOD = "it is encrypted, or packed by another method than deflate"
    DAMAGED = "it cannot be read"
    NAME = "a file name that is not allowed"
    KIND = "neither a file nor a folder nor a link"
    BOTH = "a file, and a folder of the same name"
    LINK = "a link that leads out of the archive or in a circle"


class Unfit(Exception):
    """The archive cannot be unpacked; `name` is the member at fault, if one is."""

    def __init__(self, reason: Reason, name: str = "") -> None:
        self.reason = reason
        self.name = name
        super().__init__(f"{name!r}: {reason.value}" if name else reason.value)


@dataclass(frozen=True)
class Plan:
    """What unpacking makes, by path below the root: `src/index.py`, no dots."""

    folders: tuple[str, ...]  # parents first
    files: Mapping[str, zipfile.ZipInfo]
    links: Mapping[str, str]

    def find(self, path: str) -> zipfile.ZipInfo | None:
        """Return the file that a path leads to, over links too."""
        return self.files.get(_follow(path, self.links) or "")

    def only_folder(self) -> str:
        """Return the folder that everything is in; "" where there is none."""
        tops = {path.partition("/")[0] for path in (*self.files, *self.links)}
        only = tops.pop() if len(tops) == 1 else ""
        return only if only in self.folders else ""


def check_member(member: zipfile.ZipInfo) -> None:
    """Raise Unfit for a member that cannot be unpacked within bounds.

    That is one that is encrypted or packed by anything but deflate, and one whose
    stated size is a lie.
    """
    if member.flag_bits & ENCRYPTED or member.compress_type not in METHODS:
        raise Unfit(Reason.METHOD, member.filename)
    if member.file_size > MAX_RATIO * member.compress_size:
        raise Unfit(Reason.DAMAGED, member.filename)


def plan(archive: zipfile.ZipFile) -> Plan:
    """Judge an archive by its directory and its links; raises Unfit.

    Of several members with one name the last counts, as `unzip` has it. Links stay
    where they lead to a place below the root. What is in the files is not looked at,
    apart from what links say; reading these may raise as reading a ZIP does.
    """
    members = archive.infolist()
    if len(members) > MAX_FILES:
        raise Unfit(Reason.MANY)
    kinds: dict[str, int] = {}
    chosen: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        check_member(member)
        path, kind = _place(member)
        if (kinds.setdefault(path, kind) == stat.S_IFDIR) != (kind == stat.S_IFDIR):
            raise Unfit(Reason.BOTH, path)
        kinds[path], chosen[path] = kind, member
    links = _links(archive, chosen, kinds)
    files = {path: chosen[path] for path in chosen if kinds[path] == stat.S_IFREG}
    made = Plan(_folders(kinds), files, links)
    _check_whole(made)
    return made


def _place(member: zipfile.ZipInfo) -> tuple[str, int]:
    """Return where a member goes, "" for the root, and what it is."""
    name = _name(member)
    kind = stat.S_IFMT(member.external_attr >> 16) or stat.S_IFREG
    if name.endswith("/"):
        kind = stat.S_IFDIR
    if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise Unfit(Reason.KIND, name)
    is_root = kind == stat.S_IFDIR and name.replace("./", "") == ""
    return "" if is_root else below_root(name), kind


def _name(member: zipfile.ZipInfo) -> str:
    """Return the name as it was meant.

    Where the archive does not say that names are UTF-8, they often are all the same,
    or GBK, and not what the format then says, code page 437. Windows' own tools wrote
    folders with backslashes.
    """
    name = member.orig_filename
    if not member.flag_bits & UTF8_NAME and not name.isascii():
        name = _meant(name.encode("cp437"))
    if member.create_system == FROM_DOS and "/" not in name:
        name = name.replace("\\", "/")
    return name


def _meant(name: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name.decode("cp437")


def below_root(name: str) -> str:
    """Return the path that a file's name stands for; raises Unfit.

    It is below the code's folder, and no file system finds it too long.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    is_fine = (
        bool(parts)
        and not name.startswith("/")
        and not any(sign in name for sign in "\\\0")
        and ".." not in parts
        and len(parts) <= MAX_LEVELS
        and len(_bytes(name)) <= MAX_NAME_BYTES
        and all(len(_bytes(part)) <= MAX_PART_BYTES for part in parts)
    )
    if not is_fine:
        raise Unfit(Reason.NAME, name)
    return "/".join(parts)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _folders(kinds: Mapping[str, int]) -> tuple[str, ...]:
    """Return the folders that are named, and those that what is named lies in."""
    found: set[str] = set()
    for path, kind in kinds.items():
        folder = path if kind == stat.S_IFDIR else path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return tuple(sorted(found))


def _links(
    archive: zipfile.ZipFile,
    chosen: Mapping[str, zipfile.ZipInfo],
    kinds: Mapping[str, int],
) -> dict[str, str]:
    paths = [path for path in chosen if kinds[path] == stat.S_IFLNK]
    if len(paths) > MAX_LINKS:
        raise Unfit(Reason.MANY)
    return {path: _target(archive, path, chosen[path]) for path in paths}


def _target(archive: zipfile.ZipFile, path: str, member: zipfile.ZipInfo) -> str:
    with archive.open(member) as opened:
        written = opened.read(MAX_NAME_BYTES + 1)
    is_fine = (
        0 < len(written) <= MAX_NAME_BYTES
        and b"\0" not in written
        and all(len(part) <= MAX_PART_BYTES for part in written.split(b"/"))
    )
    if not is_fine:
        raise Unfit(Reason.LINK, path)
    return written.decode("utf-8", "surrogateescape")


def _check_whole(made: Plan) -> None:
    if not made.files:
        raise Unfit(Reason.EMPTY)
    if len(made.folders) + len(made.files) + len(made.links) > MAX_FILES:
        raise Unfit(Reason.MANY)
    for folder in made.folders:
        if folder in made.files or folder in made.links:
            raise Unfit(Reason.BOTH, folder)
    for path in made.links:
        if _follow(path, made.links) is None:
            raise Unfit(Reason.LINK, path)


def _follow(path: str, links: Mapping[str, str]) -> str | None:
    """Return where a path leads; None for out of the root, or in a circle."""
    here: list[str] = []
    left = path.split("/")[::-1]
    for _ in range(MAX_LINK_STEPS):
        if not left:
            return "/".join(here)
        part = left.pop()
        if part == ".." and not here:
            return None
        if part == "..":
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            if target := links.get("/".join(here)):
                if target.startswith("/"):
                    return None
                here.pop()
                left += target.split("/")[::-1]
    return None
