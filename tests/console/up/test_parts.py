"""The parts of `manage.py up`, each on its own."""

import errno
import os
import signal
import stat
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured

from console import env
from console.installation.supervision import folders, modes
from console.installation.supervision.supervised import SupervisedProcess
from console.management.commands import up
from tests.support.installation import free_port, until
from tests.support.subscribers import serving


class Healthy(BaseHTTPRequestHandler):
    """A console that was started as number 7."""

    def do_GET(self):
        is_there = self.path == "/healthz"
        self.send_response(200 if is_there else 404)
        self.end_headers()
        self.wfile.write(b'{"start": "7"}' if is_there else b"?")

    def log_message(self, *_args):
        return


def test_its_own_web_server_is_not_asked_for_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    with serving(HTTPServer(("127.0.0.1", 0), Healthy)) as server:
        url = f"http://127.0.0.1:{server.server_port}/healthz"
        assert up.answers(url, number="7")
        assert not up.answers(f"{url}/nothing-here", number="7")
    assert not up.answers(url, number="7")


def test_another_console_that_shares_the_port_is_not_taken_for_its_own():
    with serving(HTTPServer(("127.0.0.1", 0), Healthy)) as server:
        url = f"http://127.0.0.1:{server.server_port}/healthz"
        assert not up.answers(url, number="8")


NO_ROOM = {
    "process": (subprocess, "Popen", BlockingIOError(errno.EAGAIN, "no process left")),
    "thread": (threading, "Thread", RuntimeError("can't start new thread")),
}


@pytest.mark.parametrize("lacking", NO_ROOM)
def test_a_part_that_cannot_be_started_again_is_tried_later(
    tmp_path, monkeypatch, lacking
):
    module, name, error = NO_ROOM[lacking]
    tried = []

    def fail(*_args, **_kwargs):
        tried.append(name)
        raise error

    child = SupervisedProcess(lacking, ["sleep", "60"], env=os.environ, logs=tmp_path)
    child.start()
    first = child.pid
    child.signal(signal.SIGKILL)
    with monkeypatch.context() as patched:
        patched.setattr(module, name, fail)
        until(lambda: child.look_after() or len(tried) == 2)
    until(lambda: child.look_after() or (child.is_running() and child.pid != first))

    child.signal(signal.SIGKILL)
    until(lambda: not child.is_running())
    assert str(error) in (tmp_path / f"{lacking}.log").read_text()


@pytest.fixture
def far(tmp_path, monkeypatch):
    """A data directory whose sockets' names are too long for a socket."""
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    return tmp_path / ("d" * folders.SOCKET_PATH_BYTES)


def test_a_long_data_directory_has_one_folder_for_its_sockets(far):
    folder = folders.socket_folder(far)

    assert folders.socket_folder(far) == folder
    assert folders.socket_folder(far.with_name("e" * 100)) != folder
    assert folder.parent.name == "t"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def opened(folder):
    folder.chmod(0o755)


def replaced_by_a_link(folder):
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def replaced_by_a_file(folder):
    folder.rmdir()
    folder.touch(mode=0o700)


def given_away(folder):
    os.chown(folder, 65_534, -1)


SPOILING = [opened, replaced_by_a_link, replaced_by_a_file]
SPOILING += [given_away] if os.getuid() == 0 else []


@pytest.mark.parametrize("spoil", SPOILING)
def test_a_folder_for_sockets_that_others_may_enter_is_refused(far, spoil):
    folder = folders.socket_folder(far)
    spoil(folder)

    with pytest.raises(folders.CannotStart, match=str(folder)):
        folders.socket_folder(far)


def test_a_data_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 65_534)

    with pytest.raises(ImproperlyConfigured, match=f"chown -R .+: {tmp_path}"):
        env.owned_folder("DATA_DIR", default=tmp_path)


def test_a_file_of_somebody_else_below_it_is_refused(tmp_path, monkeypatch):
    (tmp_path / "console.sqlite3").touch()
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 65_534)

    with pytest.raises(modes.BelongsToAnother, match="chown -R"):
        modes.mend(tmp_path, tmp_path / "keys")


def test_closing_a_data_directory_follows_no_link(tmp_path):
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    other.mkdir()
    (other / "file").touch()
    other.chmod(0o755)
    (other / "file").chmod(0o644)
    (data / "folder").symlink_to(other)
    (data / "file").symlink_to(other / "file")

    modes.mend(data, data / "keys")

    assert stat.S_IMODE(other.stat().st_mode) == 0o755
    assert stat.S_IMODE((other / "file").stat().st_mode) == 0o644


def test_a_folder_of_keys_elsewhere_stays_as_it_is_and_its_keys_are_closed(tmp_path):
    data, keys = tmp_path / "data", tmp_path / "keys"
    data.mkdir()
    keys.mkdir()
    keys.chmod(0o750)
    for name in ("secret.key", "of-another-program.pem"):
        (keys / name).touch()
        (keys / name).chmod(0o644)

    modes.mend(data, keys)

    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()}
    assert found == {"secret.key": 0o600, "of-another-program.pem": 0o644}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o750
