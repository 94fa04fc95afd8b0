"""Take a function along: its settings and code in one archive."""

import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from functions import archives, json_limits
from functions.code import Package, text_package, zip_package
from functions.exceptions import ImportRefused
from functions.models import Version
from functions.runtime.codestore import BROKEN_ARCHIVE

SETTINGS = "function.json"
CODE = "code/"
FIELDS = (
    "runtime",
    "handler",
    "timeout",
    "memory_size",
    "description",
    "user_data",
    "initializer_handler",
    "initializer_timeout",
    "network",
)
NETWORK = ("vpc", "subnet")
TEXTS = ("runtime", "handler", "description", "initializer_handler", *NETWORK)
MAX_ARCHIVE_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True)
class Exported:
    """A function as an archive tells it."""

    fields: dict[str, Any]
    code: Package | None


def export(version: Version, *, config: bool = True, code: bool = True) -> bytes:
    """Return a ZIP with `function.json`, the code below `code/`, or both.

    Values that are never shown stay behind.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if config:
            fields = {name: getattr(version, name) for name in FIELDS}
            fields |= {"name": version.function.name, "code_type": version.code_type}
            fields["code_filename"] = version.code_filename
            if version.vpc and version.subnet:
                # By name: where it is imported, the IDs are others.
                fields |= {"vpc": version.vpc.name, "subnet": version.subnet.name}
            archive.writestr(SETTINGS, json.dumps(fields, indent=2))
        if code:
            content = bytes(version.code.content)
            archive.writestr(CODE + version.code_filename, content)
    return buffer.getvalue()


def read(archive: bytes) -> Exported:
    """Read what `export` wrote; raises ImportRefused and CodeRefused."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if (
                sum(member.file_size for member in opened.infolist())
                > MAX_ARCHIVE_BYTES
            ):
                raise ImportRefused(_("The unpacked archive is over 50 MB."))
            archives.check_members(opened)
            fields = json.loads(opened.read(SETTINGS))
            code = _code(opened, fields)
    except (*BROKEN_ARCHIVE, OSError, KeyError, TypeError) as error:
        raise ImportRefused(
            _("This is not an exported function: %(file)s cannot be read in it.")
            % {"file": SETTINGS}
        ) from error
    kept = {name: fields[name] for name in (*FIELDS, *NETWORK) if name in fields}
    _check_fields(kept)
    return Exported(kept, code)


def _check_fields(fields: dict[str, Any]) -> None:
    """Raise ImportRefused for what no export writes; the rest is for the form."""
    for name in TEXTS:
        if not isinstance(fields.get(name, ""), str):
            sentence = _("%(file)s: %(name)s has to be text.")
            raise ImportRefused(sentence % {"file": SETTINGS, "name": name})
    data = fields.get("user_data", {})
    is_object = isinstance(data, dict)
    if not is_object or not all(isinstance(value, str) for value in data.values()):
        sentence = _("%(file)s: user_data has to be an object of texts.")
        raise ImportRefused(sentence % {"file": SETTINGS})
    if not json_limits.can_be_kept(fields):
        sentence = _("%(file)s holds a NUL character or half of a surrogate pair.")
        raise ImportRefused(sentence % {"file": SETTINGS})


def _code(opened: zipfile.ZipFile, fields: dict[str, Any]) -> Package | None:
    filename = str(fields["code_filename"])
    if CODE + filename not in opened.namelist():
        return None
    content = opened.read(CODE + filename)
    if fields["code_type"] == Version.CodeType.ZIP:
        return zip_package(content, filename=filename)
    return text_package(content.decode(), handler=str(fields["handler"]))
