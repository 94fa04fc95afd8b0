"""The `context` user code is called with (docs/reference/runtime.md)."""

import math
import sys
import time
from collections.abc import Mapping
from typing import Any

# The names are the cloud's.
# ruff: noqa: N802, N815


class Logger:
    """Writes lines with time, request and level into the function's log."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def debug(self, message: object, *args: object) -> None:
        """Log at level DEBUG."""
        self._write("DEBUG", message, args)

    def info(self, message: object, *args: object) -> None:
        """Log at level INFO; with arguments, as %-format."""
        self._write("INFO", message, args)

    def warning(self, message: object, *args: object) -> None:
        """Log at level WARN."""
        self._write("WARN", message, args)

    warn = warning

    def error(self, message: object, *args: object) -> None:
        """Log at level ERROR."""
        self._write("ERROR", message, args)

    def _write(self, level: str, message: object, args: tuple[object, ...]) -> None:
        text = str(message) % args if args else str(message)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        # Not sys.stdout, which user code may have replaced.
        stream = sys.__stdout__
        if stream is not None and not stream.closed:
            stream.write(f"{moment} {self._request_id} {level} {text}\n")
            stream.flush()


class Context:
    """What a function learns of its version, its call and its agency."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        call: Mapping[str, Any],
        *,
        deadline: float,
        state: dict[str, Any],
    ) -> None:
        self._spec = spec
        self._call = call
        self._deadline = deadline
        self._state = state

    def getRequestID(self) -> str:
        """Return the request's id."""
        return str(self._call.get("request_id", ""))

    def getRemainingTimeInMilliSeconds(self) -> int:
        """Return the milliseconds until the time-out, at least 0."""
        return max(0, math.floor((self._deadline - time.monotonic()) * 1000))

    def getRunningTimeInSeconds(self) -> int:
        """Return the function's configured time-out; the name is the cloud's."""
        return math.ceil(float(self._spec["timeout"]))

    def getUserData(self, key: str, default: str | None = None) -> str | None:
        """Return one of the function's environment settings."""
        value: str | None = self._spec["user_data"].get(key, default)
        return value

    def getFunctionName(self) -> str:
        """Return the function's name."""
        return str(self._spec["function"])

    def getPackage(self) -> str:
        """Return the application (package) the function belongs to."""
        return str(self._spec["package"])

    def getVersion(self) -> str:
        """Return the version that runs."""
        return str(self._spec["version"])

    def getAlias(self) -> str:
        """Return the alias the call came through, or an empty string."""
        return str(self._call.get("alias", ""))

    def getProjectID(self) -> str:
        """Return the project's id."""
        return str(self._spec["project_id"])

    def getTenantID(self) -> str:
        """Return the tenant's id, or an empty string."""
        return str(self._call.get("tenant_id", ""))

    def getMemorySize(self) -> int:
        """Return the memory size in MB."""
        return int(self._spec["memory_mb"])

    def getCPUNumber(self) -> int:
        """Return the share of processors in thousandths."""
        return int(self._spec["cpu_millicores"])

    def getAccessKey(self) -> str:
        """Return the agency's access key."""
        return str(self._spec["access_key"])

    def getSecretKey(self) -> str:
        """Return the agency's secret key."""
        return str(self._spec["secret_key"])

    def getSecurityToken(self) -> str:
        """Return the agency's security token."""
        return str(self._spec["security_token"])

    getSecurityAccessKey = getAccessKey
    getSecuritySecretKey = getSecretKey
    getToken = getSecurityToken
    getAuthToken = getSecurityToken

    def getLogger(self) -> Logger:
        """Return a logger whose lines carry the request's id."""
        return Logger(self.getRequestID())

    def getWorkflowID(self) -> str:
        """Return an empty string: there are no workflows here."""
        return ""

    getWorkflowRunID = getWorkflowID
    getWorkflowStateID = getWorkflowID
    get_session_id = getWorkflowID

    get_invoke_id = getRequestID
    get_trace_id = getRequestID

    def get_instance_id(self) -> str:
        """Return the id of the instance the call runs in."""
        return str(self._spec["instance"])

    def get_invoke_property(self) -> dict[str, str]:
        """Return an empty mapping: calls have no properties here."""
        return {}

    def get_state(self) -> Any:
        """Return what `set_state` kept in this instance, or None."""
        return self._state.get("state")

    def set_state(self, value: Any) -> None:
        """Keep a value for later calls in the same instance."""
        self._state["state"] = value
