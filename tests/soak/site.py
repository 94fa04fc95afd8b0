"""The installation under test, on a database of its own."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import psycopg

from tests.soak.plan import LEASE, RENEW
from tests.support.installation import ROOT, Installation, processes
from tests.support.postgresql import Server
from tests.support.proxy import Proxy, unix_socket

DISK = "700m"
SETTINGS = {
    "ASYNC_RETRY_BASE_SECONDS": "0.3",
    "DELIVERY_RETRY_BASE_SECONDS": "0.3",
    "DELIVERY_RETRY_CAP_SECONDS": "5",
    "WORKER_LEASE_SECONDS": str(LEASE),
    "WORKER_RENEW_SECONDS": str(RENEW),
    "WORKER_GRACE_SECONDS": "1",
    "MAX_LOSSES": "1000",
    "OUTGOING_ALLOWED": "127.0.0.1",
    "PYTHONPATH": str(Path(__file__).with_name("hook")),
}


class Site:
    """Everything that a soak starts, and what the nemesis may lay hands on."""

    def __init__(self, folder, database):
        self.folder = folder
        self.is_small_disk = _mount(folder)
        self.clock = folder.parent / f"{folder.name}.clock"
        self.server = self.line = None
        settings = SETTINGS | {"SOAK_CLOCK": str(self.clock)}
        if database == "postgresql":
            self.server = Server()
            self.server.start(is_durable=True)
            self.line = Proxy(partial(unix_socket, self.server.socket))
            url = f"postgres://console@127.0.0.1:{self.line.port}/postgres"
            settings["DATABASE_URL"] = url
        self.installation = Installation(folder / "data", **settings)
        self.ups = []

    def start(self):
        self.installation.start("--workers", "2")
        self.ups.append(self.installation.process.pid)

    def stop(self):
        self.installation.stop(seconds=30)

    def close(self):
        if self.installation.process and self.installation.process.poll() is None:
            self.installation.process.kill()
            self.installation.process.wait()
        if self.line:
            self.line.close()
        if self.server:
            self.server.stop()
        if self.is_small_disk:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.clock.unlink(missing_ok=True)

    def pids_of(self, part):
        return [pid for pid, line in self.installation.tree().items() if part in line]

    def send(self, part, number):
        """Send a signal to a process of a part; return its id, or None."""
        for pid in self.pids_of(part):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                return pid
        return None

    def kill_up(self):
        process = self.installation.process
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

    def put_clock(self, seconds):
        self.clock.write_text(str(seconds))

    def inside(self, call, *arguments):
        """Call a function of `furnishing` as a process of the installation."""
        told = ", ".join(map(repr, arguments))
        code = (
            "import django; django.setup()\n"
            "from tests.soak import furnishing\n"
            f"furnishing.{call}({told})"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=self.installation.environment_of("--queue deliver"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def balance(self):
        """Return what `manage.py balance` says, whatever it thinks of it."""
        try:
            return self.installation.manage("balance")
        except subprocess.CalledProcessError as error:
            return error.stdout

    def rows(self, sql):
        """Read from the database itself, past everything of ours."""
        if self.server:
            with psycopg.connect(
                host=str(self.server.folder), user="console", dbname="postgres"
            ) as database:
                return database.execute(sql).fetchall()
        where = f"file:{self.installation.data / 'console.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()

    def left_behind(self):
        """Return the processes that live on and belong to this installation."""
        mark = str(self.installation.data).encode()
        found = []
        for pid, (_parent, line) in processes().items():
            with suppress(OSError):
                if pid != os.getpid() and (
                    mark in Path(f"/proc/{pid}/environ").read_bytes()
                    or mark.decode() in line
                ):
                    found.append(line)
        return found


def _mount(folder):
    """Give the installation a small disk, where that is allowed."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    with suppress(OSError):
        return not subprocess.run(command, capture_output=True, check=False).returncode
    return False
