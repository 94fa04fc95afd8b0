"""Start everything one installation needs, and keep it running."""

import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console import env
from console.installation import obstacles
from console.installation.supervision import folders, modes, seaweed, valkey, web
from console.installation.supervision.folders import CannotStart
from console.installation.supervision.modes import BelongsToAnother
from console.installation.supervision.supervised import SupervisedProcess
from console.installation.supervision.supervisor import Supervisor

MANAGE = str(settings.BASE_DIR / "manage.py")
READY_SECONDS = 60.0
MAX_HEALTH_BYTES = 4096
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class Command(BaseCommand):
    help = "Start the services, the web server and the workers; Ctrl-C stops them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--data-dir", default=str(settings.DATA_DIR))
        parser.add_argument("--workers", type=int, default=1)
        parser.add_argument("--no-demo", action="store_true")
        parser.add_argument(
            "--no-obs",
            action="store_true",
            help="Start no local object storage; OBS_ENDPOINT may name one of yours.",
        )

    def handle(self, **options: Any) -> None:
        try:
            with folders.claim(settings.DATA_DIR), folders.hold_port(options["port"]):
                modes.mend(settings.DATA_DIR, settings.KEYS_DIR)
                folders.check_port(options["host"], options["port"])
                RunningInstallation(options, say=self._say).run()
        except (CannotStart, BelongsToAnother) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            if advice := obstacles.described(error):
                raise CommandError(advice) from error
            raise

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class RunningInstallation:
    """The parts of one installation, from the first to the last."""

    def __init__(self, options: dict[str, Any], *, say: Any) -> None:
        self._options = options
        self._say = say
        self._data = settings.DATA_DIR
        self._supervisor = Supervisor()
        self._cleaning = ExitStack()
        self._notes: list[str] = []
        host = options["host"]
        shown = "127.0.0.1" if host in ANYWHERE else host
        shown = f"[{shown}]" if ":" in shown else shown
        self.url = f"http://{shown}:{options['port']}"
        self._number = secrets.token_hex(16)
        self._env = env.for_children(self._changes(host))

    def _changes(self, host: str) -> dict[str, str]:
        changes = {
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "DATA_DIR": str(self._data),
            "DIE_WITH_PARENT": "true",
            "PYTHONUNBUFFERED": "1",
            "START_NUMBER": self._number,
        }
        if not env.text("PUBLIC_URL"):
            changes["PUBLIC_URL"] = self.url
        if self._options["no_demo"]:
            changes["DEMO_OFFERED"] = "false"
        if not env.text("ALLOWED_HOSTS") and host not in settings.ALLOWED_HOSTS:
            anywhere = "*" if host in ANYWHERE else host
            changes["ALLOWED_HOSTS"] = ",".join([*settings.ALLOWED_HOSTS, anywhere])
        return changes

    def run(self) -> None:
        """Start, say so, and look after everything until asked to stop."""
        with self._cleaning:
            try:
                self._start()
                self._supervisor.watch()
            finally:
                self._supervisor.stop()

    def _start(self) -> None:
        if advice := obstacles.no_room(self._data):
            raise CannotStart(advice)
        if not env.text("REDIS_URL"):
            self._start_valkey()
        self._prepare()
        if not (self._options["no_obs"] or env.text("OBS_ENDPOINT")):
            self._start_obs()
        self._start_web()
        for number in range(self._options["workers"]):
            self._start_worker("invoke", f"worker-{number + 1}")
        self._start_worker("deliver", "courier")
        self._start_worker("notify", "notifier")
        self._wait(
            lambda: answers(f"{self.url}/healthz", number=self._number),
            "The web server does not answer.",
        )
        if not self._supervisor.is_stopping:
            self._say(f"Console ready at {self.url}")
            self._say(f"Sign in as admin; the password is in {self._credentials}.")
            for note in self._notes:
                self._say(note)

    @cached_property
    def _sockets(self) -> Path:
        return folders.socket_folder(self._data)

    @property
    def _credentials(self) -> Path:
        path: Path = self._data / "credentials.json"
        return path

    def _start_valkey(self) -> None:
        binary = valkey.find()
        if binary is None:
            raise CannotStart(
                "No Valkey for this machine; set REDIS_URL to a server of yours."
            )
        password = env.kept("REDIS_URL", file=settings.KEYS_DIR / "valkey.key")
        command = valkey.prepare(
            binary, data=self._data / "valkey", run=self._sockets, password=password
        )
        self._add("valkey", command, is_service=True)
        self._wait(self._pings, "Valkey does not answer.")

    def _pings(self) -> bool:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _start_obs(self) -> None:
        """Start the object storage; nobody waits until it answers."""
        binary = seaweed.find()
        if binary is None:
            self._notes.append(seaweed.MISSING)
            return
        self._cleaning.callback(seaweed.forget_secrets, self._sockets)
        keys = (settings.OBS_ACCESS_KEY, settings.OBS_SECRET_KEY)
        storage = seaweed.prepare(
            binary, data=self._data / "obs", run=self._sockets, keys=keys
        )
        self._env["OBS_ENDPOINT"] = storage.endpoint
        self._add("obs", storage.command, env=storage.env, is_service=True)

    def _prepare(self) -> None:
        done = subprocess.run(
            [sys.executable, MANAGE, "prepare", "--url", self.url],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not self._supervisor.is_stopping:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise CannotStart(f"The installation could not be made ready: {last}")
        # The last line says how to sign in, which is said here when all is up.
        self._notes += done.stdout.splitlines()[:-1]

    def _start_web(self) -> None:
        # Somebody may have taken it since; once it runs, the port is shared.
        folders.check_port(self._options["host"], self._options["port"])
        processes = 1 if not settings.DATABASE_URL else 2
        command = web.command(
            self._options["host"], self._options["port"], processes=processes
        )
        self._add("web", command)

    def _start_worker(self, queue: str, name: str) -> None:
        self._add(name, [sys.executable, MANAGE, "worker", "--queue", queue])

    def _add(
        self,
        name: str,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        is_service: bool = False,
    ) -> None:
        if self._supervisor.is_stopping:
            return
        logs = self._data / "logs"
        child = SupervisedProcess(
            name, command, env=self._env if env is None else env, logs=logs
        )
        self._supervisor.add(child, is_service=is_service)

    def _wait(self, is_ready: Any, trouble: str) -> None:
        ends = time.monotonic() + READY_SECONDS
        while not (self._supervisor.is_stopping or is_ready()):
            if time.monotonic() > ends:
                raise CannotStart(f"{trouble} Look into {self._data / 'logs'}.")
            self._supervisor.look_after()
            time.sleep(0.05)


def answers(url: str, *, number: str) -> bool:
    """Say whether our own web server answers there within 2 s that it is well.

    Another one that shares the port does not know the `number` of this start. No proxy
    is asked, whatever the environment says: it has a localhost of its own.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            state = json.loads(answer.read(MAX_HEALTH_BYTES))
    except (HTTPException, OSError, ValueError):
        return False
    return isinstance(state, dict) and state.get("start") == number
