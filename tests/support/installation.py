"""A real installation, started by `manage.py up` in a folder of its own."""

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from functions.runtime import available_runtimes

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, *, seconds=30.0):
    """Wait for a condition and return its value; fail when it never holds."""
    ends = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ends, f"{condition} never held"
        time.sleep(0.05)
    return value


def processes():
    """Return {pid: (parent, command line)} of every process that lives."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if stat[0] != "Z":
            found[int(entry.name)] = (int(stat[1]), line)
    return found


class Installation:
    """`up` and everything below it."""

    def __init__(self, data: Path, **env: str):
        self.data = data
        self.port = free_port()
        self._env = {
            key: value
            for key, value in os.environ.items()
            if key not in ("DATA_DIR", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
        }
        # Every test signs in, all from one address.
        self._env |= {"SIGN_INS_PER_MINUTE": "1000"} | env
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self, *arguments):
        return [sys.executable, str(ROOT / "manage.py"), *arguments]

    def start(self, *arguments):
        where = ("--data-dir", str(self.data), "--port", str(self.port))
        self.process = subprocess.Popen(
            self.command("up", *where, *arguments),
            env=self._env,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("Console ready at "), line + self.process.stdout.read()
        return line

    def try_to_start(self, *arguments):
        """Run `up` where it must refuse; return its exit code and what it said."""
        done = subprocess.run(
            self.command("up", *arguments),
            env=self._env,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        return done.returncode, done.stderr

    def manage(self, *arguments):
        done = subprocess.run(
            self.command(*arguments),
            env={**self._env, "DATA_DIR": str(self.data)},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=True,
        )
        return done.stdout

    def try_to(self, *arguments):
        """Run a command that must refuse; return what it said."""
        done = subprocess.run(
            self.command(*arguments),
            env={**self._env, "DATA_DIR": str(self.data)},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode, done.stdout
        return done.stderr

    def popen(self, *arguments):
        """Start another command on the same data; its output is in one pipe."""
        return subprocess.Popen(
            self.command(*arguments),
            env={**self._env, "DATA_DIR": str(self.data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self, number=signal.SIGTERM, *, seconds=10.0):
        self.process.send_signal(number)
        self.process.wait(timeout=seconds)
        self.process.stdout.close()

    def tree(self):
        """Return {pid: command} of all that `up` has started, directly or not."""
        living = processes()
        known = {self.process.pid}
        grown = True
        while grown:
            grown = {pid for pid, (parent, _) in living.items() if parent in known}
            grown -= known
            known |= grown
        known.discard(self.process.pid)
        return {pid: living[pid][1] for pid in known if pid in living}

    def pid_of(self, part):
        return next((pid for pid, line in self.tree().items() if part in line), None)

    def environment_of(self, part):
        """Return the environment that `up` gave a process below it."""
        content = Path(f"/proc/{self.pid_of(part)}/environ").read_text()
        return dict(pair.split("=", 1) for pair in content.split("\0") if "=" in pair)

    def is_up(self):
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    @property
    def credentials(self):
        return json.loads((self.data / "credentials.json").read_text())


class Person:
    """Somebody signed in who uses the pages over plain HTTP."""

    def __init__(self, installation):
        self._url = installation.url
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._jar)
        )
        self.get("/login")
        known = installation.credentials
        self.post("/login", username=known["username"], password=known["password"])

    @property
    def cookies(self):
        return "; ".join(f"{one.name}={one.value}" for one in self._jar)

    @property
    def token(self):
        """The token that forms carry."""
        return next(one.value for one in self._jar if one.name == "csrftoken")

    def get(self, path):
        with self._opener.open(self._url + path, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path, **fields):
        """Post a form; return the address that it led to and the page there."""
        pairs = {**fields, "csrfmiddlewaretoken": self.token}
        data = urllib.parse.urlencode(pairs, doseq=True)
        with self._opener.open(self._url + path, data.encode(), timeout=30) as answer:
            return answer.url, answer.read().decode()

    def create(self, name, source):
        self.post(
            "/functions/new",
            name=name,
            runtime=available_runtimes()[0],
            handler="index.handler",
            agency="1",
            starter="hello",
        )
        self.post(f"/f/default/{name}/code", source=source)

    def configure(self, name, **fields):
        known = {"max_retries": "0", "max_age_seconds": "3600", "revision": "0"}
        self.post(f"/f/default/{name}/settings/async/edit", **(known | fields))

    def run(self, name, body="{}", mode="async"):
        """Run a function; return the request's ID."""
        _url, page = self.post(
            "/run", function=name, qualifier="latest", mode=mode, body=body
        )
        return re.search(r"/invocations/([0-9a-f-]{36})", page)[1]
