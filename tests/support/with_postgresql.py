"""Run a command against a PostgreSQL of its own.

Use: `python -m tests.support.with_postgresql COMMAND …`.

The server lives in a temporary folder and is gone afterwards.
"""

import os
import subprocess
import sys

from tests.support.postgresql import Server


def main(command):
    server = Server()
    server.start()
    try:
        environment = {**os.environ, "DATABASE_URL": server.url}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
