"""Names and URNs: their shapes, parsing and building."""

import re
from dataclasses import dataclass

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

FUNCTION_NAME = r"[A-Za-z](?:[A-Za-z0-9_-]{0,58}[A-Za-z0-9])?"
VERSION_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,40}[A-Za-z0-9])?"
ALIAS_NAME = r"[A-Za-z](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
EVENT_NAME = r"[A-Za-z](?:[A-Za-z0-9_-]{0,23}[A-Za-z0-9])?"
LATEST = "latest"

function_name = RegexValidator(
    rf"\A{FUNCTION_NAME}\Z",
    _(
        "Use 1–60 letters, digits, “-” or “_”. "
        "Start with a letter, end with a letter or digit."
    ),
)
version_name = RegexValidator(
    rf"\A{VERSION_NAME}\Z",
    _(
        "Use 1–42 letters, digits, “-”, “_” or “.”. "
        "Start and end with a letter or digit."
    ),
)
alias_name = RegexValidator(
    rf"\A{ALIAS_NAME}\Z",
    _(
        "Use 1–63 letters, digits, “-” or “_”. "
        "Start with a letter, end with a letter or digit."
    ),
)
event_name = RegexValidator(
    rf"\A{EVENT_NAME}\Z",
    _(
        "Use 1–25 letters, digits, “-” or “_”. "
        "Start with a letter, end with a letter or digit."
    ),
)
agency_name = RegexValidator(
    r"\A[^\W_][\w.-]{0,63}\Z",
    _("Use 1–64 letters, digits, “-”, “_” or “.”. Start with a letter or digit."),
)
handler_name = RegexValidator(
    r"\A[A-Za-z0-9_][A-Za-z0-9_/-]*\.[A-Za-z_][A-Za-z0-9_]*\Z",
    _("Write file.function, for example index.handler."),
)
environment_key = re.compile(r"\A[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Urn:
    """A function's address; `qualifier` is a version, `!alias`, or latest."""

    region: str
    project: str
    package: str
    function: str
    qualifier: str = LATEST

    def __str__(self) -> str:
        return (
            f"urn:fss:{self.region}:{self.project}:function:"
            f"{self.package}:{self.function}:{self.qualifier}"
        )


def parse_urn(text: str, *, region: str, project: str) -> Urn | None:
    """Read a URN or one of its short forms; None when it is neither.

    Accepted are `name`, `package:name`, `project:package:name`,
    `project:package:name:qualifier`, and the full forms of 7 and 8 fields.
    """
    match text.split(":"):
        case ["urn", *rest] if len(rest) < 6:
            return None
        case [name] if name:
            return Urn(region, project, "default", name)
        case [package, name]:
            return Urn(region, project, package, name)
        case [owner, package, name]:
            return Urn(region, owner, package, name)
        case [owner, package, name, qualifier]:
            return Urn(region, owner, package, name, qualifier)
        case ["urn", "fss", own_region, owner, "function", package, name]:
            return Urn(own_region, owner, package, name)
        case ["urn", "fss", own_region, owner, "function", package, name, qualifier]:
            return Urn(own_region, owner, package, name, qualifier)
    return None
