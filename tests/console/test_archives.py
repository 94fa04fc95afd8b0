"""Files of a back-up are whole and belong together, or are not there."""

import tarfile

import pytest

from console.installation import archives
from console.installation.archives import Archive, NotSteady


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "obs"
    made.mkdir()
    (made / "1.dat").write_bytes(b"needles")
    (made / "1.idx").write_bytes(b"where")
    return made


def write(path, folder):
    with Archive(path) as archive:
        archive.add_folder(folder)


def test_a_file_that_is_replaced_meanwhile_is_copied_as_it_is_then(
    folder, tmp_path, monkeypatch
):
    real = archives._open
    changes = [1]

    def replace_once(opened, path):
        if changes:
            changes.pop()
            (folder / "new").write_bytes(b"compacted")
            (folder / "new").rename(folder / "1.dat")
        return real(opened, path)

    monkeypatch.setattr(archives, "_open", replace_once)
    write(tmp_path / "b.tar", folder)

    assert archives.read(tmp_path / "b.tar", "obs/1.dat") == b"compacted"


def test_a_file_that_grows_meanwhile_is_copied_up_to_where_it_was(
    folder, tmp_path, monkeypatch
):
    real = Archive._add

    def grow_first(self, name, opened, size):
        with (folder / "1.dat").open("ab") as volume:
            volume.write(b"later")
        real(self, name, opened, size)

    monkeypatch.setattr(Archive, "_add", grow_first)
    write(tmp_path / "b.tar", folder)

    assert archives.read(tmp_path / "b.tar", "obs/1.dat") == b"needles"


def test_what_refers_to_other_files_is_read_before_them(folder, tmp_path):
    write(tmp_path / "b.tar", folder)

    with tarfile.open(tmp_path / "b.tar") as tar:
        assert tar.getnames() == ["obs/1.idx", "obs/1.dat"]


def test_nothing_is_left_of_a_backup_that_fails(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "TRIES", 2)
    monkeypatch.setattr(archives, "PAUSE_SECONDS", 0)
    listings = iter(range(100))
    monkeypatch.setattr(
        archives, "_listing", lambda _folder: {folder / "1.dat": next(listings)}
    )

    with pytest.raises(NotSteady, match="change too fast"):
        write(tmp_path / "b.tar", folder)

    assert [path.name for path in tmp_path.iterdir()] == ["obs"]


def test_what_does_not_belong_into_a_backup_is_not_unpacked(tmp_path):
    for name in ("run/valkey.conf", "../outside", "/etc/x"):
        with Archive(tmp_path / "b.tar") as archive:
            archive.add_bytes(name, b"x")

        with pytest.raises(tarfile.TarError):
            archives.unpack(
                tmp_path / "b.tar", tmp_path / "to", allowed=frozenset({"obs"})
            )
        assert not (tmp_path / "to").exists()
