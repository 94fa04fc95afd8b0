"""Code as people bring it: a file's text or an archive, within limits."""

import io
import zipfile
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from functions.exceptions import CodeRefused, NotEditable
from functions.models import CodeBlob, Version

INLINE_LIMIT = 10 * 1024
PACKAGE_LIMIT = 50 * 1024 * 1024
SHOWN_LIMIT = 1024 * 1024

DEFAULT_SOURCE = """\
def handler(event, context):
    logger = context.getLogger()
    logger.info("event: %s", event)
    return "hello world!"
"""


def deploy_text(version: Version, source: str) -> None:
    """Make the text the code of latest; raises CodeRefused or NotEditable."""
    content = source.replace("\r\n", "\n").encode("utf-8", "strict")
    if not content.strip():
        raise CodeRefused(_("The code is empty. Write a handler, then deploy."))
    if len(content) > INLINE_LIMIT:
        raise CodeRefused(
            _("The code is over 10 KB. Upload it as a ZIP archive instead.")
        )
    _deploy(version, content, Version.CodeType.INLINE, inline_filename(version))


def deploy_zip(version: Version, archive: bytes, *, filename: str) -> None:
    """Make the archive the code of latest; raises CodeRefused or NotEditable."""
    if len(archive) > PACKAGE_LIMIT:
        raise CodeRefused(_("The archive is over 50 MB. Make it smaller."))
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
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


def _deploy(version: Version, content: bytes, code_type: str, filename: str) -> None:
    if not version.is_latest:
        raise NotEditable(version.name)
    with transaction.atomic():
        blob = CodeBlob.keep(content)
        Version.objects.filter(pk=version.pk).update(
            code=blob,
            code_type=code_type,
            code_filename=filename,
            revision=F("revision") + 1,
            modified_at=timezone.now(),
        )
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
