"""Archives that are refused by what their directory says."""

import io
import zipfile

import pytest

from functions import code
from functions.exceptions import CodeRefused, CodeTooLarge
from functions.transfer import read

MB = 1024 * 1024


def archive(*names, content=b"x", method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name in names:
            opened.writestr(name, content)
    return buffer.getvalue()


def package(content):
    return code.zip_package(content, filename="code.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_bounds_is_refused(method):
    packed = archive("function.json", content=bytes(10 * MB), method=method)
    lying = packed.replace((10 * MB).to_bytes(4, "little"), b"\x01\0\0\0")

    for read_it in (package, read):
        with pytest.raises(CodeRefused, match="another method than deflate"):
            read_it(lying)


def test_large_archives_are_left_to_the_worker(monkeypatch):
    unpacked = []
    monkeypatch.setattr(
        zipfile.ZipFile, "testzip", lambda opened: unpacked.append(opened)
    )

    package(archive("a", content=bytes(40 * MB)))
    package(archive("a", content=bytes(60 * MB)))

    assert len(unpacked) == 1


def test_a_size_that_deflate_cannot_reach_is_refused():
    packed = archive("a", content=bytes(MB))
    lying = packed.replace(MB.to_bytes(4, "little"), (999 * MB).to_bytes(4, "little"))

    with pytest.raises(CodeRefused, match="damaged: a cannot be read"):
        package(lying)


@pytest.mark.parametrize("name", ["../a", "/a", "b\\\\a", "x" * 1025])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(CodeRefused, match="that no code may have"):
        package(archive("index.py", name))


def test_an_archive_of_too_many_files_is_refused(monkeypatch):
    monkeypatch.setattr("functions.archives.MOST_FILES", 2)

    with pytest.raises(CodeTooLarge, match="more than 2 files"):
        package(archive("a", "b", "c"))
