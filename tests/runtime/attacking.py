"""Run every attack in a pool of this process, and tell in JSON how that went.

`python -m tests.runtime.attacking <folder> <level>`: without pytest and Django, so that
any user of the host can run it with any interpreter.
"""

import ctypes
import json
import os
import socket
import sys
import threading
from pathlib import Path

from functions.runtime import Pool, bootstrap
from tests.runtime.attacks import OFFLINE_PROBES, PROBES, source_of
from tests.runtime.endings import ENDINGS
from tests.runtime.specs import (
    call,
    descendants,
    make_spec,
    only_instance_of,
    scratch_of,
    wait_until,
)

SECRETS = ("console.sqlite3", "credentials.json", "keys/secret.key", "logs/console.log")
SHARED = ("/tmp", "/var/tmp", "/dev/shm")
PLANTED = "planted-by-an-attack"
SHARED_MEMORY = 0x0A77AC
VICTIM = """
import os
def handler(event, context):
    with open(os.path.join(os.environ["TMPDIR"], "mine"), "w") as file:
        file.write("mine")
    return os.environ["RUNTIME_CODE_ROOT"]
"""


libc = ctypes.CDLL(None)


class Installation:
    """What an installation has lying about, and a worker's pool in it."""

    def __init__(self, folder, level):
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        for name in SECRETS:
            path = self.data / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_text("a secret")
            path.chmod(0o600)
        self.path_socket = self._listen(socket.AF_UNIX, f"{self.data}/logs/s.sock")
        self.abstract = f"\0attacked-{os.getpid()}"
        self._nameless = self._listen(socket.AF_UNIX, self.abstract)
        self.tcp = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        # Where every process may find it that knows the number.
        self._memory = libc.shmget(SHARED_MEMORY, 4096, 0o1666)
        self.pool = Pool(root=self.data / "runtime", highest_level=level)
        self.victim = make_spec(VICTIM, key="victim")
        assert self.pool.invoke(self.victim, call()).ok
        self._instance = only_instance_of(self.pool)

    def _listen(self, family, address):
        server = socket.socket(family)
        server.bind(address)
        server.listen(64)
        return server

    def event(self):
        """Return what an attack is told."""
        instance = self._instance
        code = instance._code.path / "code"
        zygote = self.pool._zygotes.get(self.victim.runtime).pid
        scratch = scratch_of(self.pool, instance)
        own = Path(bootstrap.__file__)
        return {
            "pids": [os.getpid(), zygote],
            "secrets": [str(self.data / name) for name in SECRETS],
            "folders": [str(self.data), str(self.data / "keys"), str(code.parent)],
            "homes": [str(Path.home()), "/home"],
            "code": str(code),
            "scratch": str(scratch),
            "victim": instance.pid,
            "sources": [str(own), str(own.parent / "child.py"), __file__],
            "socket": f"{self.data}/logs/s.sock",
            "abstract": self.abstract,
            "port": self.tcp.getsockname()[1],
            "free": 0,
            "key": SHARED_MEMORY,
        }

    def attack(self, name, *, network=True):
        """Return what an attack could do, or how it ended."""
        # With memory enough for all the processes that it may have.
        changes = {"network": network, "timeout": 60, "memory_mb": 1024}
        spec = make_spec(source_of(name), key=name, **changes)
        outcome = self.pool.invoke(spec, call(json.dumps(self.event()).encode()))
        if outcome.ok:
            return json.loads(outcome.result)
        return f"{outcome.kind}: {outcome.error}"

    def end(self, name):
        """Return how code ends that does not want to."""
        ending = ENDINGS[name]
        spec = make_spec(ending.source, key=name, timeout=ending.seconds)
        outcome = self.pool.invoke(spec, call())
        return f"{outcome.kind}: {outcome.error}"

    def is_unharmed(self):
        """Say whether somebody else's function still runs."""
        return self.pool.invoke(self.victim, call()).ok

    def _files(self):
        runtime = self.data / "runtime"
        inside = [*(runtime / "pools").iterdir(), *(runtime / "trash").iterdir()]
        planted = [Path(folder, PLANTED) for folder in SHARED]
        return [str(path) for path in (*inside, *planted) if path.exists()]

    def _groups(self):
        made = self.pool._cells.cgroups
        bases = made._bases.values() if made else ()
        return [str(base) for base in bases if base.exists()]

    def what_is_left(self, before):
        """Close the pool; return what is still there afterwards."""
        self.pool.close()
        libc.shmctl(self._memory, 0, None)
        return {
            "processes": settled(lambda: sorted(descendants() - before["processes"])),
            "files": settled(self._files),
            "mounts": [line for line in mounts() if line not in before["mounts"]],
            "groups": settled(self._groups),
        }


def settled(look):
    """Look until nothing is found; return what is found to the end."""
    try:
        wait_until(lambda: not look())
    except AssertionError:
        return look()
    return []


def mounts():
    return Path("/proc/self/mountinfo").read_text().splitlines()


def main(folder, level):
    """Attack; print what came of it."""
    if level < 1:
        raise SystemExit("The host itself would be attacked.")
    before = {"processes": descendants(), "mounts": mounts()}
    installation = Installation(Path(folder), level)
    isolation = installation.pool.isolation
    found = {
        "level": isolation.level,
        "text": str(isolation),
        "cgroups": isolation.cgroups,
        "probes": {},
        "offline": {},
        "endings": {},
        "harmed": [],
    }
    if isolation.level == level:
        for name in PROBES:
            found["probes"][name] = installation.attack(name)
            found["harmed"] += [] if installation.is_unharmed() else [name]
        for name in OFFLINE_PROBES:
            found["offline"][name] = installation.attack(name, network=False)
        for name in ENDINGS:
            found["endings"][name] = installation.end(name)
            found["harmed"] += [] if installation.is_unharmed() else [name]
    found["left"] = installation.what_is_left(before)
    found["threads"] = [t.name for t in threading.enumerate() if not t.daemon][1:]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
