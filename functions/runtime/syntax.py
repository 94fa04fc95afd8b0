"""Whether code compiles, asked of the interpreter that will run it."""

import json
import subprocess
from dataclasses import dataclass

from functions.runtime.zygotes import interpreter_of

SECONDS = 5
MAX_ANSWER_BYTES = 64 * 1024

# Run by an interpreter of any version; it compiles and never executes.
PROGRAM = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
try:
    compile(sys.stdin.buffer.read(), "code", "exec", dont_inherit=True)
    print("null")
except (SyntaxError, ValueError) as error:
    print(json.dumps({
        "line": getattr(error, "lineno", None) or 1,
        "reason": str(getattr(error, "msg", error)),
    }))
"""


@dataclass(frozen=True)
class SyntaxFault:
    """Where code does not compile (lines count from 1), and why, in Python's words."""

    line: int
    reason: str


class NotChecked(Exception):
    """Nothing is known of the code: the compiler gave up on it."""


class NoInterpreter(NotChecked):
    """The runtime's interpreter is not on this machine."""


def check(runtime: str, source: bytes) -> SyntaxFault | None:
    """Compile a file as that runtime would, within 5 s; None when it compiles.

    Raises NotChecked, of which NoInterpreter.
    """
    interpreter = interpreter_of(runtime)
    if interpreter is None:
        raise NoInterpreter(runtime)
    try:
        # The command is ours from end to end; the code goes in as data.
        done = subprocess.run(
            [interpreter, "-I", "-S", "-W", "ignore", "-c", PROGRAM],
            input=source,
            capture_output=True,
            env={},
            cwd="/",
            timeout=SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout[:MAX_ANSWER_BYTES])
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise NotChecked(runtime) from error
    return SyntaxFault(**answer) if answer else None
