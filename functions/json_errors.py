"""What is wrong with JSON, in the reader's language."""

import json

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Python's own reasons, as `json.JSONDecodeError.msg` has them, by how they begin.
REASONS: dict[str, str | Promise] = {
    "Expecting property name": gettext_lazy("a name in double quotes is expected"),
    "Expecting value": gettext_lazy("a value is expected"),
    "Expecting ',' delimiter": gettext_lazy("a comma is expected"),
    "Expecting ':' delimiter": gettext_lazy("a colon is expected"),
    "Extra data": gettext_lazy("something follows the end of the JSON"),
    "Unterminated string": gettext_lazy("a text that begins here is not closed"),
    "Invalid control character": gettext_lazy(
        "a text holds a line break or another control character"
    ),
    "Invalid \\uXXXX escape": gettext_lazy("\\u needs four hexadecimal digits"),
    "Invalid \\escape": gettext_lazy("this character cannot follow a backslash"),
    "Illegal trailing comma": gettext_lazy("the last comma is one too many"),
    "Unexpected UTF-8 BOM": gettext_lazy("it begins with a byte order mark"),
    "NaN": gettext_lazy("NaN and Infinity are not valid JSON"),
    "Infinity": gettext_lazy("NaN and Infinity are not valid JSON"),
    "-Infinity": gettext_lazy("NaN and Infinity are not valid JSON"),
}


def describe(error: ValueError | RecursionError) -> str:
    """Return a sentence with line, column and reason of what reading JSON raised."""
    if not isinstance(error, json.JSONDecodeError):
        return _("The JSON is nested too deeply or holds too long a number.")
    return _("Not valid JSON: line %(line)d, column %(col)d: %(reason)s.") % {
        "line": error.lineno,
        "col": error.colno,
        "reason": _reason(error.msg),
    }


def _reason(message: str) -> str:
    found = (text for start, text in REASONS.items() if message.startswith(start))
    return str(next(found, message))
