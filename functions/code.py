"""Code as people bring it: a file's text or an archive, within limits."""

import io
import zipfile
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from functions.exceptions import ChangedMeanwhile, CodeRefused, NotEditable
from functions.models import CodeBlob, Version

INLINE_LIMIT = 10 * 1024
PACKAGE_LIMIT = 50 * 1024 * 1024
UNPACKED_LIMIT = 1500 * 1024 * 1024
SHOWN_LIMIT = 1024 * 1024

DEFAULT_SOURCE = """\
def handler(event, context):
    logger = context.getLogger()
    logger.info("event: %s", event)
    return "hello world!"
"""


def deploy_text(version: Version, source: str, *, expected: int | None = None) -> None:
    """Make the text the code of latest.

    `expected` is the revision the person edited; ChangedMeanwhile is raised when it
    is not the stored one any more. Raises CodeRefused and NotEditable as well.
    """
    content = source.replace("\r\n", "\n").encode("utf-8", "strict")
    if not content.strip():
        raise CodeRefused(_("The code is empty. Write a handler, then deploy."))
    if len(content) > INLINE_LIMIT:
        raise CodeRefused(
            _("The code is over 10 KB. Upload it as a ZIP archive instead.")
        )
    filename = inline_filename(version)
    _deploy(version, content, Version.CodeType.INLINE, filename, expected=expected)


def deploy_zip(version: Version, archive: bytes, *, filename: str) -> None:
    """Make the archive the code of latest; raises CodeRefused or NotEditable."""
    if len(archive) > PACKAGE_LIMIT:
        raise CodeRefused(_("The archive is over 50 MB. Make it smaller."))
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            # Sizes first: reading a small archive can mean unpacking terabytes.
            if sum(member.file_size for member in opened.infolist()) > UNPACKED_LIMIT:
                raise CodeRefused(_("The unpacked archive is over 1500 MB."))
            broken = opened.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise CodeRefused(_("This is not a ZIP archive that can be read.")) from error
    if broken:
        raise CodeRefused(
            _("The archive is damaged: %(file)s cannot be read.") % {"file": broken}
        )
    _deploy(version, archive, Version.CodeType.ZIP, filename[:255])


def inline_filename(version: Version) -> str:
    """Return the file that the handler is looked for in: index.py, src/app.py."""
    return f"{version.handler.rpartition('.')[0]}.py"


def _deploy(
    version: Version,
    content: bytes,
    code_type: str,
    filename: str,
    *,
    expected: int | None = None,
) -> None:
    if not version.is_latest:
        raise NotEditable(version.name)
    with transaction.atomic():
        blob = CodeBlob.keep(content)
        edited = Version.objects.filter(pk=version.pk)
        if expected is not None:
            edited = edited.filter(revision=expected)
        moved = edited.update(
            code=blob,
            code_type=code_type,
            code_filename=filename,
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
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = tuple(sorted(archive.namelist()))
    return Source(version.code_filename, None, files, len(content))
