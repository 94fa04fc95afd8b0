"""Archives are unpacked safely, once, and completely."""

import os
import stat
import threading
import zipfile
from dataclasses import replace

import pytest

from functions.runtime import Kind, codestore
from functions.runtime.codestore import UnpackingFailed, unpack
from tests.runtime.specs import call, make_spec, make_zip_spec

HANDLER = "def handler(event, context): return 'ran'"
LARGEST = 1024 * 1024


def unpacked(spec, folder):
    made = unpack(spec, folder / "store", parts=folder / "parts", largest=LARGEST)
    return made.path


def special(name, kind):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name",
    ["../evil.py", "/tmp/evil.py", "a/../../evil.py", "a\\..\\evil.py", "x" * 2000],
)
def test_archive_may_not_write_outside(pool, tmp_path, name):
    outcome = pool.invoke(make_zip_spec({"index.py": HANDLER, name: "x"}), call())

    assert (outcome.kind, outcome.code) == (Kind.LOAD, 4001)
    assert not list(tmp_path.rglob("evil.py"))
    assert not list(tmp_path.rglob("part-*"))


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_archive_may_have_only_files_folders_and_links(tmp_path, kind):
    spec = make_zip_spec({special("pipe", kind): "", "a": ""})

    with pytest.raises(UnpackingFailed, match="neither a file nor a folder"):
        unpacked(spec, tmp_path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "b/../../secret"])
def test_archive_may_not_lead_outside(tmp_path, target):
    spec = make_zip_spec({special("link", stat.S_IFLNK): target, "b/a": ""})

    with pytest.raises(UnpackingFailed, match="leads out"):
        unpacked(spec, tmp_path)
    assert not list(tmp_path.glob("*/*"))


def test_code_runs_over_links_of_its_own_archive(pool):
    files = {special("index.py", stat.S_IFLNK): "src/v1.py", "src/v1.py": HANDLER}

    outcome = pool.invoke(make_zip_spec(files), call())

    assert (outcome.kind, outcome.result) == (Kind.OK, b"ran")


def test_archive_may_not_be_a_bomb(tmp_path):
    spec = make_zip_spec({"a": bytes(600 * 1024), "b": bytes(600 * 1024)})

    with pytest.raises(UnpackingFailed, match="too large"):
        unpacked(spec, tmp_path)
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(
    "files", [{"a": "1", "a/b": "2"}, {"a/b": "1", "a": "2"}, {"x" * 300: "1"}]
)
def test_archive_with_impossible_names_is_refused(tmp_path, files):
    with pytest.raises(UnpackingFailed):
        unpacked(make_zip_spec(files), tmp_path)


def test_archive_that_is_none_is_refused(pool):
    outcome = pool.invoke(make_spec("not a zip", code_type="zip"), call())

    assert outcome.kind is Kind.LOAD
    assert "is not a usable ZIP archive" in outcome.error


def test_a_member_that_is_damaged_is_the_functions_failure(pool, tmp_path):
    spec = make_zip_spec({"index.py": HANDLER, "data": "x" * 5000})
    spoiled = bytearray(spec.code)
    begin = spoiled.find(b"data") + 4
    spoiled[begin : begin + 8] = b"\xff" * 8

    outcome = pool.invoke(replace(spec, code=bytes(spoiled)), call())

    assert outcome.kind is Kind.LOAD
    assert "is not a usable ZIP archive" in outcome.error


def test_executable_files_stay_executable(tmp_path):
    spec = make_zip_spec({special("run.sh", stat.S_IFREG): "#!/bin/sh", "plain": ""})

    code = unpacked(spec, tmp_path) / "code"

    assert (code / "run.sh").stat().st_mode & 0o111
    assert not (code / "plain").stat().st_mode & 0o111


@pytest.mark.parametrize("kind", ["zip", "inline"])
def test_another_user_may_read_code_that_is_shown_to_it(tmp_path, kind):
    files = {"index.py": HANDLER, "deep/er/index.py": HANDLER}
    spec = make_zip_spec(files) if kind == "zip" else make_spec(HANDLER)
    before = os.umask(0o077)
    try:
        code = unpacked(spec, tmp_path) / "code"
    finally:
        os.umask(before)

    for path in (code, *code.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)
    assert not code.parent.stat().st_mode & 0o077


def test_inline_code_may_not_write_outside(tmp_path):
    spec = make_spec(HANDLER, code_filename="../index.py")

    with pytest.raises(UnpackingFailed, match="not allowed"):
        unpacked(spec, tmp_path)


def test_many_threads_unpack_the_same_code_once(tmp_path):
    spec = make_zip_spec({f"{n}.py": HANDLER for n in range(50)})
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(unpacked(spec, tmp_path)))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert list(tmp_path.glob("*/*")) == [found[0]]
    assert len(list((found[0] / "code").iterdir())) == 50


def test_half_unpacked_code_is_where_it_goes_with_its_pool(pool, tmp_path, monkeypatch):
    begun = []
    write = codestore._write

    def note(spec, code, largest):
        begun.append(code)
        write(spec, code, largest)

    monkeypatch.setattr(codestore, "_write", note)
    assert pool.invoke(make_spec(HANDLER), call()).kind is Kind.OK

    (home,) = (tmp_path / "runtime" / "pools").iterdir()
    assert begun[0].parent.parent == home
    assert not list(home.glob("part-*"))


def test_another_file_name_is_other_code(tmp_path):
    first = unpacked(make_spec(HANDLER), tmp_path)
    spec = make_spec(HANDLER, code_filename="main.py")
    second = unpacked(spec, tmp_path)

    assert first != second
    assert (second / "code" / "main.py").read_text() == HANDLER
