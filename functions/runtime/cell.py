"""What one instance is given on the host, and what holds it from outside."""

import os
from pathlib import Path

from functions.runtime.bootstrap import view
from functions.runtime.bootstrap.sandbox import MEMORY_HEADROOM
from functions.runtime.cgroups import Cgroups, Group, Limits
from functions.runtime.codestore import Code
from functions.runtime.folder import Folder, Home
from functions.runtime.isolation import Isolation
from functions.runtime.spec import Spec
from functions.runtime.users import HostUser, Users

MB = 1024 * 1024
SCRATCH_BYTES = 512 * MB
# Processes and threads of one instance.
PROCESSES = 256


class Cells:
    """Makes them, for one pool."""

    def __init__(
        self,
        isolation: Isolation,
        *,
        root: Path,
        home: Home,
        users: Users,
        cgroups: Cgroups | None = None,
    ) -> None:
        """Take what the pool has: its files below `root`, users, control groups."""
        self.isolation = isolation
        self.root = root
        self.home = home
        self.users = users
        self.cgroups = cgroups

    @property
    def is_private(self) -> bool:
        """Whether instances have a view of their own, and nothing on the disk."""
        return self.isolation.is_full

    def new(self, name: str, spec: Spec, code: Code) -> "Cell":
        """Make the one of an instance of that name; raises OSError."""
        return Cell(self, name, spec, code)


class Cell:
    """An instance's folder, user and control group.

    `folder` and `code` are their paths as the instance sees them.
    """

    def __init__(self, cells: Cells, name: str, spec: Spec, code: Code) -> None:
        """Make them all, or none; raises OSError."""
        self._cells = cells
        self._spec = spec
        self._code = code
        self._user: HostUser | None = None
        self._gid: int | None = None
        self._on_disk: Folder | None = None
        self._group: Group | None = None
        try:
            self._make(name)
        except OSError:
            self.release()
            raise
        self.folder = self._on_disk.path if self._on_disk else Path(view.HOME)
        self.code = self.folder / "code"
        self.scratch = self.folder / "tmp" if self._on_disk else Path(view.TEMPORARY)

    def _make(self, name: str) -> None:
        cells, spec = self._cells, self._spec
        if cells.isolation.has_users:
            self._user = cells.users.take()
            self._gid = self._user.uid
        if not cells.is_private:
            if self._user:
                self._gid = cells.users.group_of(self._code.path)
            self._on_disk = cells.home.new_folder(name, self._code.path, self.uid)
        if cells.cgroups:
            memory = spec.memory_mb * MB + MEMORY_HEADROOM
            limits = Limits(memory, PROCESSES, spec.cpu_millicores)
            self._group = cells.cgroups.new(name, limits)

    @property
    def uid(self) -> int | None:
        """The user of its own; None where it stays the worker's."""
        return self._user.uid if self._user else None

    def hold(self, pid: int) -> None:
        """Have the control group count a process; raises OSError."""
        if self._group:
            self._group.add(pid)

    def description(self) -> dict[str, object]:
        """Return what the child needs to confine itself."""
        code = self._code.path / "code"
        return {
            "code": str(code.relative_to(self._cells.root)),
            "uid": self.uid,
            "gid": self._gid,
            "network": self._spec.network,
            "scratch_bytes": SCRATCH_BYTES,
            "processes": PROCESSES,
        }

    def has_killed(self) -> bool:
        """Say whether the kernel killed in it because its memory was used up."""
        return self._group is not None and self._group.has_killed()

    def storage_bytes(self, pid: int) -> int:
        """Return the size of the temporary files; on a disk, as far as quickly told."""
        if self._on_disk:
            return self._on_disk.storage_bytes()
        try:
            used = os.statvfs(f"/proc/{pid}/root/tmp")
        except OSError:
            return 0
        return (used.f_blocks - used.f_bfree) * used.f_frsize

    def release(self) -> None:
        """Give everything back, when the instance has ended."""
        if self._group and self._cells.cgroups:
            self._cells.cgroups.remove(self._group)
        if self._on_disk:
            self._on_disk.discard()
        if self._user:
            if not self._cells.is_private:
                self._user.kill_all()
            self._user.release()
