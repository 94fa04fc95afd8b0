"""Run a command against a PostgreSQL of its own.

Use: `python -m tests.support.with_postgresql COMMAND …`.

The server lives in a temporary folder, listens on a socket there and nowhere
else, and is gone afterwards.
"""

import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNPRIVILEGED = "postgres"


def find(program):
    """Return a server program; Debian keeps them off the PATH."""
    found = shutil.which(program) or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"), reverse=True)),
        None,
    )
    if not found:
        sys.exit("PostgreSQL is missing: install it (Debian: apt install postgresql).")
    return found


def main(command):
    folder = Path(tempfile.mkdtemp(prefix="fgpg-"))
    # PostgreSQL refuses to run as root.
    user = UNPRIVILEGED if os.getuid() == 0 else None
    if user:
        known = pwd.getpwnam(user)
        os.chown(folder, known.pw_uid, known.pw_gid)
    folder.chmod(0o755)
    data = str(folder / "data")

    def server(*arguments):
        subprocess.run(
            arguments, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL
        )

    server(find("initdb"), "-D", data, "-U", "console", "-A", "trust", "-E", "UTF8")
    options = f"-c listen_addresses= -k {folder} -c fsync=off"
    log = str(folder / "log")
    server(find("pg_ctl"), "-D", data, "-l", log, "-w", "-o", options, "start")
    try:
        url = f"postgres://console@{str(folder).replace('/', '%2F')}/postgres"
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server(find("pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
