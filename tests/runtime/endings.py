"""Code that will not end, ends badly, or takes more than its share: and its outcome."""

import textwrap
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ending:
    """A source, and how its run may end, in words: at all levels, or at some."""

    source: str
    ends: tuple[str, ...]
    seconds: float = 20
    levels: tuple[int, ...] = field(default=(1, 2, 3))


def ending(body, *ends, imports="import os, signal, time", **more):
    lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return Ending(f"{imports}\ndef handler(event, context):\n{lines}\n", ends, **more)


TIMED_OUT = "timeout: FunctionTimeoutError: call invoke timeout 1s"
MEMORY = "memory: MemoryError: runtime memory limit exceeded"
OK = "ok: "
KILLED = "code: ProcessExited: the process was ended by signal "

ENDINGS = {
    "never_returns": ending("while True: pass", TIMED_OUT, seconds=1),
    "ignores_signals": ending(
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
        """,
        TIMED_OUT,
        seconds=1,
    ),
    # A first process of a namespace stops by no signal of its own.
    "stops_itself": ending(
        "os.kill(os.getpid(), signal.SIGSTOP)", TIMED_OUT, OK, seconds=1
    ),
    "kills_itself": ending(
        "os.kill(os.getpid(), signal.SIGKILL)", OK, KILLED + "SIGKILL"
    ),
    "aborts": ending("os.abort()", KILLED + "SIGSEGV", KILLED + "SIGABRT"),
    "crashes": ending(
        "import ctypes; ctypes.string_at(0)",
        KILLED + "SIGSEGV",
    ),
    "exits": ending(
        "os._exit(7)", "code: ProcessExited: the process exited with status 7"
    ),
    "daemonises": ending(
        """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 1024)
                time.sleep(600)
            os._exit(0)
        """,
        OK,
    ),
    "forks_for_ever": ending(
        """
        if os.fork() == 0:
            os.setsid()
            while True:
                if os.fork():
                    os._exit(0)
        time.sleep(60)
        """,
        TIMED_OUT,
        seconds=1,
    ),
    "leaves_zombies": ending(
        """
        for _ in range(200):
            if os.fork() == 0:
                os._exit(0)
        """,
        OK,
    ),
    "takes_memory_by_malloc": ending("x = bytearray(1 << 30)", MEMORY),
    "takes_memory_by_sharing": ending(
        """
        held = mmap.mmap(-1, 400 << 20)
        for at in range(0, len(held), 4096):
            held[at] = 1
        time.sleep(10)
        """,
        MEMORY,
        imports="import mmap, time",
    ),
    "takes_memory_by_processes": ending(
        """
        children = []
        for _ in range(6):
            if (pid := os.fork()) == 0:
                held = b"x" * (100 << 20)
                time.sleep(10)
                os._exit(0)
            children.append(pid)
        for pid in children:
            _, status = os.waitpid(pid, 0)
            if os.WIFSIGNALED(status):
                os._exit(99)
        """,
        MEMORY,
    ),
    "fills_its_scratch": ending(
        """
        for number in range(4):
            with open(f"{os.environ['TMPDIR']}/{number}", "wb") as file:
                os.posix_fallocate(file.fileno(), 0, 300 << 20)
        """,
        MEMORY,
        "disk: OSError: [Errno 28] No space left on device",
        levels=(2, 3),
    ),
}
