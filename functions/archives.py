"""What the directory of a ZIP archive says, before anything is unpacked."""

import zipfile

from django.utils.translation import gettext as _

from functions.exceptions import CodeRefused, CodeTooLarge
from functions.runtime.codestore import MOST_FILES, is_allowed

ENCRYPTED = 0x1
# Others unpack as much at once as they like, whatever size they state.
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What deflate makes of a byte at the most.
MOST_RATIO = 1032


def check_members(archive: zipfile.ZipFile) -> None:
    """Raise CodeRefused for a member that cannot be unpacked within bounds.

    That is one that is encrypted or packed by anything but deflate, and one whose
    stated size is a lie.
    """
    for member in archive.infolist():
        if member.flag_bits & ENCRYPTED or member.compress_type not in METHODS:
            sentence = _(
                "%(file)s is encrypted, or packed by another method than deflate. "
                "Make an ordinary ZIP archive."
            )
            raise CodeRefused(sentence % {"file": member.filename[:255]})
        if member.file_size > MOST_RATIO * member.compress_size:
            raise damaged(member.filename)


def check_names(archive: zipfile.ZipFile) -> None:
    """Raise CodeRefused for names and numbers of files that no worker unpacks."""
    members = archive.infolist()
    if len(members) > MOST_FILES:
        sentence = _("The archive has more than %(most)d files. Leave some out.")
        raise CodeTooLarge(sentence % {"most": MOST_FILES})
    for member in members:
        if not is_allowed(member.filename):
            sentence = _("The archive has a file that no code may have: %(file)s")
            raise CodeRefused(sentence % {"file": member.filename[:255]})


def damaged(filename: str) -> CodeRefused:
    """Return the refusal of an archive in which this file cannot be read."""
    sentence = _("The archive is damaged: %(file)s cannot be read.")
    return CodeRefused(sentence % {"file": filename[:255]})
