"""One child process: started, spoken to and killed here."""

import contextlib
import json
import logging
import os
import secrets
import signal
import socket
from dataclasses import replace
from pathlib import Path

from functions.runtime import usage
from functions.runtime.bootstrap.protocol import Frame
from functions.runtime.cell import Cells
from functions.runtime.channel import Channel
from functions.runtime.codestore import Code
from functions.runtime.log import Log
from functions.runtime.spec import PATH, Spec
from functions.runtime.usage import Usage
from functions.runtime.zygotes import Ended, Forked, Zygote

MB = 1024 * 1024
END_SECONDS = 5
# What an answer may have beyond the result: the error JSON has limits of its own.
ANSWER_ROOM = 256 * 1024

logger = logging.getLogger(__name__)


class Instance:
    """A child that runs one version; serves one call at a time."""

    def __init__(self, spec: Spec, zygote: Zygote, cells: Cells, code: Code) -> None:
        """Fork the child; raises ZygoteLost, NotForked or OSError.

        `code` is its unpacked code, which is released with it.
        """
        self.id = f"i-{secrets.token_hex(4)}"
        self.spec = spec
        self.is_loaded = False
        self._zygote = zygote
        self._ended: Ended | None = None
        self._peak_mb = 0.0
        self._is_too_large = False
        self._cell = cells.new(self.id, spec, code)
        self._code = code
        self._pid, self._channel = self._fork()

    def _fork(self) -> tuple[int, Channel]:
        ours, theirs = socket.socketpair()
        output, written = os.pipe()
        try:
            forked: Forked = self._zygote.fork(
                theirs, written, network=self.spec.network, uid=self._cell.uid
            )
            self._cell.hold(forked.pid)
        except Exception:
            # A child that was forked ends by the end of its channel.
            ours.close()
            os.close(output)
            self._cell.release()
            raise
        finally:
            theirs.close()
            os.close(written)
        return forked.pid, Channel(ours, output, forked.pidfd)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._pid

    def is_ready(self) -> bool:
        """Say whether it lives and waits."""
        return self._channel.is_quiet()

    def has_ended(self) -> bool:
        """Say whether the process is gone."""
        return self._channel.has_ended()

    def exchange(self, request: bytes, seconds: float, log: Log) -> Frame:
        """Send a request and wait for its answer, as `Channel.exchange` does."""
        limit = self.spec.max_response_bytes + ANSWER_ROOM
        return self._channel.exchange(request, seconds, log, limit)

    def description(self) -> dict[str, object]:
        """Return all that the child must know, secrets included."""
        spec = self.spec
        return {
            "instance": self.id,
            "home": str(self._cell.folder),
            "code_root": str(self._cell.code),
            "confinement": self._cell.description(),
            "environment": self._environment(),
            "project_id": spec.project_id,
            "function": spec.function,
            "package": spec.package,
            "version": spec.version,
            "handler": spec.handler,
            "timeout": spec.timeout,
            "memory_mb": spec.memory_mb,
            "cpu_millicores": spec.cpu_millicores,
            "user_data": dict(spec.user_data),
            "initializer_handler": spec.initializer_handler,
            "initializer_timeout": spec.initializer_timeout,
            "access_key": spec.access_key,
            "secret_key": spec.secret_key,
            "security_token": spec.security_token,
            "max_response_bytes": spec.max_response_bytes,
        }

    def _environment(self) -> dict[str, str]:
        home = self._cell.folder
        scratch = str(self._cell.scratch)
        basics = {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": scratch,
            "TMPDIR": scratch,
        }
        return {**basics, **self.spec.user_data, **_variables(self.spec, home)}

    def kill(self) -> None:
        """Kill the process with its group; harmless when it has ended.

        Until it is collected its number cannot go to another process, except when the
        zygote is gone too.
        """
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._channel.pidfd, signal.SIGKILL)
        if self._zygote.is_alive() or not self._channel.has_ended():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)

    def kill_as_too_large(self) -> None:
        """Kill it for the memory that it uses."""
        self._is_too_large = True
        self.kill()

    def status(self, seconds: float) -> int | None:
        """Return how it ended, waiting for that; None when it has not, or unknown."""
        if self._ended is None and self._channel.has_ended(seconds):
            self._ended = self._zygote.collect(self._pid)
        return self._ended.status if self._ended else None

    def usage(self) -> Usage:
        """Return what it has used so far, or in all when it was collected."""
        used = self._ended.usage if self._ended else usage.measure(self._pid)
        self._peak_mb = max(self._peak_mb, used.memory_mb)
        return replace(used, memory_mb=self._peak_mb)

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used so far."""
        return usage.cpu_seconds(self._pid)

    def storage_mb(self) -> float:
        """Return the size of its temporary files, as far as that is quickly told."""
        return self._cell.storage_bytes(self._pid) / MB

    def has_run_out_of_memory(self) -> bool:
        """Say whether it was killed because it used more memory than it may."""
        return self._is_too_large or self._cell.has_killed()

    def dispose(self) -> None:
        """Kill it if it lives, collect it, and have its folder removed."""
        self.kill()
        if not self._channel.has_ended(END_SECONDS):
            logger.warning("Instance %s (%d) does not end.", self.id, self._pid)
        self.status(0)
        self._channel.close()
        self._code.release()
        self._cell.release()


def _variables(spec: Spec, home: Path) -> dict[str, str]:
    """Return the variables that user code finds, with the folders as they are here."""
    return {
        "RUNTIME_PROJECT_ID": spec.project_id,
        "RUNTIME_FUNC_NAME": spec.function,
        "RUNTIME_FUNC_VERSION": spec.version,
        "RUNTIME_PACKAGE": spec.package,
        "RUNTIME_HANDLER": spec.handler,
        "RUNTIME_TIMEOUT": f"{spec.timeout:g}",
        "RUNTIME_USERDATA": json.dumps(dict(spec.user_data)),
        "RUNTIME_CPU": str(spec.cpu_millicores),
        "RUNTIME_MEMORY": str(spec.memory_mb),
        "RUNTIME_MAX_RESP_BODY_SIZE": str(spec.max_response_bytes),
        "RUNTIME_INITIALIZER_HANDLER": spec.initializer_handler,
        "RUNTIME_INITIALIZER_TIMEOUT": f"{spec.initializer_timeout:g}",
        "RUNTIME_ROOT": str(home),
        "RUNTIME_CODE_ROOT": str(home / "code"),
        "RUNTIME_LOG_DIR": str(home / "log"),
    }
