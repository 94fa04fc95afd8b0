"""Code as people bring it: a file's text or an archive, within limits."""

import io
import zipfile
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from functions import archives
from functions.exceptions import (
    ChangedMeanwhile,
    CodeRefused,
    CodeTooLarge,
    NotEditable,
)
from functions.models import CodeBlob, Version
from functions.runtime import archive, syntax
from functions.runtime.codestore import BROKEN_ARCHIVE
from functions.runtime.syntax import SyntaxFault

MAX_INLINE_BYTES = 10 * 1024
MAX_PACKAGE_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 1500 * 1024 * 1024
MAX_COMPILED_BYTES = 1024 * 1024

DEFAULT_SOURCE = """\
def handler(event, context):
    logger = context.getLogger()
    logger.info("event: %s", event)
    return "hello world!"
"""


@dataclass(frozen=True)
class Package:
    """Code that has been checked: a file's text or an archive."""

    content: bytes
    code_type: str
    filename: str


def text_package(source: str, *, handler: str) -> Package:
    """Check the text of one file; raises CodeRefused, of which CodeTooLarge."""
    content = source.replace("\r\n", "\n").encode("utf-8", "strict")
    if not content.strip():
        raise CodeRefused(_("The code is empty. Write a handler, then deploy."))
    if len(content) > MAX_INLINE_BYTES:
        raise CodeTooLarge(
            _("The code is over 10 KB. Upload it as a ZIP archive instead."),
            is_text=True,
        )
    return Package(content, Version.CodeType.INLINE, inline_filename(handler))


def zip_package(content: bytes, *, filename: str) -> Package:
    """Check an archive; raises CodeRefused, of which CodeTooLarge.

    What is accepted can be unpacked by any worker.
    """
    if len(content) > MAX_PACKAGE_BYTES:
        raise CodeTooLarge(_("The archive is over 50 MB. Make it smaller."))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            # Sizes first: reading a small archive can mean unpacking terabytes.
            size = sum(member.file_size for member in opened.infolist())
            if size > MAX_UNPACKED_BYTES:
                raise CodeTooLarge(_("The unpacked archive is over 1500 MB."))
            archives.judge(opened)
    except (*BROKEN_ARCHIVE, OSError) as error:
        raise CodeRefused(_("This is not a ZIP archive that can be read.")) from error
    return Package(content, Version.CodeType.ZIP, filename[:255])


def check_place(package: Package, handler: str) -> None:
    """Raise CodeRefused when all code is in one folder, beside which it is looked for.

    Code that is deployed alone may come before its handler: that is not asked then.
    """
    if package.code_type == Version.CodeType.ZIP:
        with zipfile.ZipFile(io.BytesIO(package.content)) as opened:
            archives.check_handler(archive.plan(opened), handler)


def syntax_fault(package: Package, version: Version) -> SyntaxFault | None:
    """Compile the handler's file as the version's runtime would; None when it can.

    Raises NotChecked. A file that is not there, or is over 1 MB, is not compiled: the
    first run says what is wrong with it.
    """
    source = _handler_source(package, inline_filename(version.handler))
    return None if source is None else syntax.check(version.runtime, source)


def _handler_source(package: Package, filename: str) -> bytes | None:
    if package.code_type == Version.CodeType.INLINE:
        return package.content
    with zipfile.ZipFile(io.BytesIO(package.content)) as opened:
        member = archive.plan(opened).find(filename)
        if member is None or member.file_size > MAX_COMPILED_BYTES:
            return None
        return opened.read(member)


def inline_filename(handler: str) -> str:
    """Return the file that the handler is looked for in: index.py, src/app.py."""
    return f"{handler.rpartition('.')[0]}.py"


def deploy(version: Version, package: Package, *, expected: int | None = None) -> None:
    """Make the package the code of latest.

    `expected` is the revision the person edited; ChangedMeanwhile is raised when it
    is no longer the stored one. Raises NotEditable as well.
    """
    if not version.is_latest:
        raise NotEditable(version.name)
    with transaction.atomic():
        edited = Version.objects.filter(pk=version.pk)
        if expected is not None:
            edited = edited.filter(revision=expected)
        moved = edited.update(
            code=CodeBlob.keep(package.content),
            code_type=package.code_type,
            code_filename=package.filename,
            revision=F("revision") + 1,
            modified_at=timezone.now(),
        )
        if not moved:
            raise ChangedMeanwhile
    version.refresh_from_db()


@dataclass(frozen=True)
class Source:
    """Code as the editor shows it; `text` is None when it cannot be edited."""

    filename: str
    text: str | None
    files: tuple[str, ...]
    size: int


def source_of(version: Version) -> Source:
    """Return what the editor shows for a version's code."""
    content = bytes(version.code.content)
    if version.code_type == Version.CodeType.INLINE:
        text = content.decode("utf-8", "replace")
        return Source(version.code_filename, text, (), len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        files = tuple(sorted(_names(opened)))
    return Source(version.code_filename, None, files, len(content))


def _names(opened: zipfile.ZipFile) -> set[str]:
    """Return what unpacking makes; of an archive that is too old to be judged, all."""
    try:
        plan = archive.plan(opened)
    except archive.Unfit:
        return set(opened.namelist())
    return {*plan.files, *plan.links}
