"""What an instance is started from, and what one call of it carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# What a child needs to be a process at all; none of it comes from the worker.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_RESPONSE_BYTES = 6_291_456


@dataclass(frozen=True, eq=False)
class Spec:
    """A version with its configuration; equal to another when the keys are.

    `key` must change whenever anything else here does: a warm instance serves every
    spec of its key. Times are in seconds, memory in MB.
    """

    key: str
    project_id: str
    function: str
    package: str
    version: str
    runtime: str
    handler: str
    timeout: float
    memory_mb: int
    code_digest: str
    code: bytes = field(repr=False)
    code_type: Literal["inline", "zip"] | str = "inline"
    code_filename: str = "index.py"
    user_data: Mapping[str, str] = field(default_factory=dict, repr=False)
    initializer_handler: str = ""
    initializer_timeout: float = 3
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    max_response_bytes: int = MAX_RESPONSE_BYTES
    network: bool = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def cpu_millicores(self) -> int:
        """The share of processors in thousandths; it grows with the memory."""
        return self.memory_mb * 100 // 128 + 200


@dataclass(frozen=True)
class Call:
    """One event for a function; `payload` is JSON text, empty for no event."""

    request_id: str
    payload: bytes = b""
    alias: str = ""
    tenant_id: str = ""
