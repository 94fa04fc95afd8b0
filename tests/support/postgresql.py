"""A PostgreSQL server of one's own: in a temporary folder, on a socket there."""

import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNPRIVILEGED = "postgres"
PORT = 5432


class Server:
    """Listens on a socket in `folder` and nowhere else; `stop` removes it all."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="fgpg-"))
        # PostgreSQL refuses to run as root.
        self._user = UNPRIVILEGED if os.getuid() == 0 else None
        if self._user:
            known = pwd.getpwnam(self._user)
            os.chown(self.folder, known.pw_uid, known.pw_gid)
        self.folder.chmod(0o755)
        self._data = str(self.folder / "data")

    @property
    def url(self):
        folder = str(self.folder).replace("/", "%2F")
        return f"postgres://console@{folder}/postgres"

    @property
    def socket(self):
        return f"{self.folder}/.s.PGSQL.{PORT}"

    def start(self, *, is_durable=False):
        """Make a database and serve it; one that is not durable is faster."""
        self._run("initdb", "-U", "console", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses= -k {self.folder}"
        if not is_durable:
            options += " -c fsync=off"
        self._control("start", "-l", str(self.folder / "log"), "-w", "-o", options)

    def restart(self):
        """End it as a power cut would, and start it again with the same options."""
        log = str(self.folder / "log")
        self._control("restart", "-m", "immediate", "-l", log, "-w")

    def stop(self):
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, *arguments):
        self._run("pg_ctl", *arguments)

    def _run(self, program, *arguments):
        subprocess.run(
            [find(program), "-D", self._data, *arguments],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def find(program):
    """Return a server program; Debian keeps them off the PATH."""
    found = shutil.which(program) or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"), reverse=True)),
        None,
    )
    if not found:
        sys.exit("PostgreSQL is missing: install it (Debian: apt install postgresql).")
    return found
