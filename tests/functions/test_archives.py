"""Archives: what is accepted can be unpacked on the worker, always."""

import io
import os
import stat
import warnings
import zipfile
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions import code
from functions.exceptions import CodeRefused, CodeTooLarge
from functions.runtime.codestore import unpack
from functions.transfer import read
from tests.runtime.specs import make_spec

MB = 1024 * 1024
HANDLER = "def handler(event, context): return 'ran'"


def archive(*members, content=b"x", method=zipfile.ZIP_DEFLATED, sort=zipfile.ZipFile):
    """Pack names, all with the same content, or pairs of a name and its content."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), sort(buffer, "w", method) as opened:
        warnings.simplefilter("ignore")  # of names twice
        for member in members:
            name, inside = member if isinstance(member, tuple) else (member, content)
            opened.writestr(name, inside)
    return buffer.getvalue()


def special(name, kind, *, mode=0o644):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | mode) << 16
    return info


def link(name, target):
    return special(name, stat.S_IFLNK, mode=0o777), target


def from_windows(name):
    info = zipfile.ZipInfo(name)
    info.create_system = 0
    info.external_attr = 0
    return info


def named(raw):
    """Pack a file whose name is these bytes, which the archive says nothing about."""
    stand_in = "n" * len(raw)
    return archive(stand_in).replace(stand_in.encode(), raw)


class Streamed(zipfile.ZipFile):
    """Writes sizes behind the content: its output cannot go back."""

    def __init__(self, buffer, *args):
        self._kept = buffer
        super().__init__(Forward(buffer), *args)


class Forward:
    def __init__(self, buffer):
        self.write, self.flush = buffer.write, buffer.flush


def large(*names):
    """Pack with the sizes of ZIP64, as for what is over 4 GB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name in names:
            with opened.open(name, "w", force_zip64=True) as file:
                file.write(b"x")
    return buffer.getvalue()


def package(content):
    return code.zip_package(content, filename="code.zip")


def unpacked(content, folder):
    """Return what the worker makes of it: texts, None for a folder, → for a link."""
    spec = replace(make_spec(""), code=content, code_type="zip", code_digest="d")
    held = unpack(spec, folder / "store", parts=folder / "parts", largest=10 * MB)
    root = held.path / "code"
    held.release()
    found = {}
    for path in sorted(root.rglob("*")):
        kept = path.read_bytes() if path.is_file() else None
        if path.is_symlink():
            kept = f"→ {os.readlink(path)}"
        found[path.relative_to(root).as_posix()] = kept
    return found


def up(path):
    return [parent.as_posix() for parent in PurePosixPath(path).parents]


DEEP = "/".join(["d"] * 99)
FITS = {
    "a name twice": (archive(("a", b"1"), ("b", b"x"), ("a", b"2")), ["a", "b"]),
    "a name twice, with dots": (archive(("a", b"1"), ("./a", b"2")), ["a"]),
    "a folder twice": (archive("d/", "d/", "d/a"), ["d", "d/a"]),
    "a folder after what is in it": (archive("d/a", "d/"), ["d", "d/a"]),
    "the root": (archive("./", "./a"), ["a"]),
    "dots and double strokes": (archive("./d//./a"), ["d", "d/a"]),
    "empty folders": (archive("a", "d/", "e/f/"), ["a", "d", "e", "e/f"]),
    "names that differ by case": (archive("a", "A"), ["A", "a"]),
    "a long name": (archive("n" * 255), ["n" * 255]),
    "a long Chinese name": (archive("长" * 85), ["长" * 85]),
    "a deep path": (archive(f"{DEEP}/a"), [DEEP, f"{DEEP}/a"]),
    "UTF-8 that says so": (archive("数据.txt"), ["数据.txt"]),
    "UTF-8 that does not": (named("数据.txt".encode()), ["数据.txt"]),
    "GBK": (named("数据.txt".encode("gbk")), ["数据.txt"]),
    "code page 437": (named(b"caf\x82.txt"), ["café.txt"]),
    "backslashes of Windows": (
        archive((from_windows("d\\e\\a"), b"x"), (from_windows("f\\"), b"")),
        ["d", "d/e", "d/e/a", "f"],
    ),
    "a line break in a name": (archive("a\nb"), ["a\nb"]),
    "stored": (archive("a", method=zipfile.ZIP_STORED), ["a"]),
    "sizes behind the content": (archive("a", "b", sort=Streamed), ["a", "b"]),
    "ZIP64": (large("a", "d/b"), ["a", "d", "d/b"]),
    "an empty file": (archive("a", content=b""), ["a"]),
    "a link to a file": (archive("so.1", link("so", "so.1")), ["so", "so.1"]),
    "a link to a folder": (archive("d/a", link("e/d", "../d")), ["d", "d/a", "e/d"]),
    "a link over a link": (
        archive("d/a", link("e", "d"), link("f", "e/../d/a")),
        ["d", "d/a", "e", "f"],
    ),
    "a link to nothing": (archive("a", link("b", "gone")), ["a", "b"]),
    "a link instead of a file": (archive("a", "b", link("b", "a")), ["a", "b"]),
}


@pytest.mark.parametrize("kind", FITS)
def test_what_is_accepted_is_unpacked(kind, tmp_path):
    content, paths = FITS[kind]

    assert package(content).content == content
    found = set(unpacked(content, tmp_path))
    assert found.difference(paths) <= {above for path in paths for above in up(path)}
    assert found.issuperset(paths)


DOES_NOT = {
    "a file as folder": (archive("a", "a/b"), "a is a file and a folder"),
    "a folder as file": (archive("a/b", "a"), "a is a file and a folder"),
    "an empty folder as file": (archive("a/", "a"), "a is a file and a folder"),
    "a link as folder": (archive(link("a", "d"), "a/b", "d/c"), "a is a file and"),
    "a link out": (archive("a", link("b", "../a")), "b is a link that leads out"),
    "a link to the host": (archive("a", link("b", "/etc/passwd")), "that leads out"),
    "a link out over a link": (
        archive("a", link("d/e", "."), link("b", "d/e/../../a")),
        "b is a link that leads out",
    ),
    "a link in a circle": (archive("a", link("b", "c"), link("c", "b")), "in a circle"),
    "a link to itself": (archive("a", link("b", "b")), "in a circle"),
    "a link to no name": (archive("a", link("b", "")), "b is a link"),
    "a link to a long name": (archive("a", link("b", "n" * 256)), "b is a link"),
    "a link with NUL": (archive("a", link("b", "a\0c")), "b is a link"),
    "a pipe": (archive("a", (special("p", stat.S_IFIFO), b"")), "p is neither a file"),
    "a device": (archive("a", (special("p", stat.S_IFCHR), b"")), "p is neither"),
    "a name that is too long": (archive("n" * 256), "no code may have"),
    "a Chinese name that is too long": (archive("长" * 86), "no code may have"),
    "a path that is too long": (archive("abc/" * 256 + "d"), "no code may have"),
    "a path that is too deep": (archive("d/" * 100 + "a"), "no code may have"),
    "a way out": (archive("index.py", "../a"), "no code may have"),
    "a way out from within": (archive("index.py", "d/../../a"), "no code may have"),
    "a way out of Windows": (
        archive("index.py", (from_windows("d\\..\\..\\a"), b"x")),
        "no code may have",
    ),
    "an absolute path": (archive("index.py", "/a"), "no code may have"),
    "a drive": (archive("index.py", "b\\a"), "no code may have"),
    "NUL in a name": (named(b"a\0b"), "no code may have"),
    "no file": (archive("d/"), "has no file in it"),
    "nothing": (archive(), "has no file in it"),
    "0 bytes": (b"", "not a ZIP archive"),
    "the first half": (archive("a", content=os.urandom(999))[:600], "not a ZIP"),
    "the last half": (archive("a", content=os.urandom(999))[600:], "not a ZIP"),
    "spoiled content": (
        archive("a", content=b"x" * 9, method=zipfile.ZIP_STORED).replace(b"xx", b"xy"),
        "is damaged: a",
    ),
    "encrypted": (
        archive("a").replace(b"\x14\0\0\0\x08", b"\x14\0\1\0\x08"),
        "a is encrypted",
    ),
}


@pytest.mark.parametrize("kind", DOES_NOT)
def test_what_no_worker_can_unpack_is_refused(kind):
    content, sentence = DOES_NOT[kind]

    with pytest.raises(CodeRefused, match=sentence):
        package(content)


PARTS = st.sampled_from([*"abcdefgh" * 3, ".", "..", "", "b\\c", "长" * 90])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(bool)
KINDS = st.sampled_from([*["file", "folder", "link"] * 4, "pipe"])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(members=st.lists(st.tuples(KINDS, PATHS, PATHS), max_size=5))
def test_whatever_is_accepted_is_unpacked_below_the_root(members, tmp_path_factory):
    made = {
        "file": lambda name, other: (name, other.encode()),
        "folder": lambda name, other: (f"{name}/", b""),
        "link": link,
        "pipe": lambda name, other: (special(name, stat.S_IFIFO), b""),
    }
    content = archive("z", *[made[kind](name, other) for kind, name, other in members])
    try:
        package(content)
    except CodeRefused:
        return
    folder = tmp_path_factory.mktemp("any")

    unpacked(content, folder)

    (root,) = folder.glob("store/*/code")
    assert root.joinpath("z").exists()
    for path in root.rglob("*"):
        assert path.resolve().is_relative_to(root)


def test_the_last_of_a_name_counts(tmp_path):
    found = unpacked(archive(("a", b"old"), ("d/", b""), ("./a", b"new")), tmp_path)

    assert found == {"a": b"new", "d": None}


def test_links_stay_links(tmp_path):
    members = ("lib/so.1.2", link("lib/so.1", "so.1.2"), link("so", "lib/so.1"))
    found = unpacked(archive(*members), tmp_path)

    assert found["lib/so.1"] == "→ so.1.2"
    assert found["so"] == "→ lib/so.1"


def test_the_syntax_is_checked_of_the_file_that_is_loaded():
    members = ("src/index.py", link("index.py", "src/index.py"))
    one = package(archive(*members, content=HANDLER.encode()))
    other = package(archive(("index.py", b"def ("), ("./index.py", HANDLER.encode())))

    for each in (one, other):
        assert code._handler_source(each, "index.py") == HANDLER.encode()


@pytest.mark.parametrize("handler", ["index.handler", "src/index.handler"])
def test_code_in_one_folder_is_refused_with_its_name(handler):
    inside = handler.replace(".handler", ".py")
    made = package(archive(f"demo/{inside}", "demo/lib.py"))

    with pytest.raises(CodeRefused, match="in folder demo of the archive"):
        code.check_place(made, handler)


@pytest.mark.parametrize(
    ("names", "handler"),
    [
        (["demo/index.py"], "demo/index.handler"),
        (["index/index.py", "index/__init__.py"], "index.handler"),
        (["demo/index.py", "index.py"], "index.handler"),
        (["demo/index.py", "other/index.py"], "index.handler"),
        (["demo/main.py"], "index.handler"),
    ],
)
def test_code_that_may_be_found_is_not_refused(names, handler):
    code.check_place(package(archive(*names)), handler)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_bounds_is_refused(method):
    packed = archive("function.json", content=bytes(10 * MB), method=method)
    lying = packed.replace((10 * MB).to_bytes(4, "little"), b"\x01\0\0\0")

    for read_it in (package, read):
        with pytest.raises(CodeRefused, match="another method than deflate"):
            read_it(lying)


def test_large_archives_are_read_too():
    packed = archive("a", content=os.urandom(MB) + bytes(60 * MB))
    spoiled = bytearray(packed)
    spoiled[1000:1008] = b"\xff" * 8

    assert package(packed).content == packed
    with pytest.raises(CodeRefused):
        package(bytes(spoiled))


def test_a_size_that_deflate_cannot_reach_is_refused():
    packed = archive("a", content=bytes(MB))
    lying = packed.replace(MB.to_bytes(4, "little"), (999 * MB).to_bytes(4, "little"))

    with pytest.raises(CodeRefused, match="damaged: a cannot be read"):
        package(lying)


def test_an_archive_of_too_many_files_is_refused(monkeypatch):
    monkeypatch.setattr("functions.runtime.archive.MAX_FILES", 3)

    for names in (["a", "b", "c", "d"], ["a/b/c", "d"]):
        with pytest.raises(CodeTooLarge, match="more than 3 files"):
            package(archive(*names))


def test_many_links_are_judged_soon():
    spread = "/".join(["x/.."] * 120)
    links = [link(f"l{n}", f"{spread}/l{n + 1}") for n in range(2000)]

    with pytest.raises(CodeRefused, match="in a circle"):
        package(archive("a", *links))


def test_an_archive_that_is_imported_is_judged_as_any():
    inner = archive("a", link("b", "/etc/passwd"))
    told = '{"code_filename": "code.zip", "code_type": "zip", "handler": "a.b"}'
    outer = archive(("function.json", told), ("code/code.zip", inner))

    with pytest.raises(CodeRefused, match="leads out"):
        read(outer)
