"""What is wrong with a ZIP archive, and what to do about it."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from functions.exceptions import CodeRefused, CodeTooLarge
from functions.runtime import archive
from functions.runtime.archive import Plan, Reason, Unfit

SENTENCES = {
    Reason.EMPTY: gettext_noop("The archive has no file in it. Pack the code again."),
    Reason.MANY: gettext_noop(
        "The archive has more than %(most)d files. Leave some out."
    ),
    Reason.METHOD: gettext_noop(
        "%(file)s is encrypted, or packed by another method than deflate. "
        "Make an ordinary ZIP archive."
    ),
    Reason.DAMAGED: gettext_noop("The archive is damaged: %(file)s cannot be read."),
    Reason.NAME: gettext_noop("The archive has a file that no code may have: %(file)s"),
    Reason.KIND: gettext_noop(
        "%(file)s is neither a file nor a folder. Leave it out of the archive."
    ),
    Reason.BOTH: gettext_noop(
        "%(file)s is a file and a folder at once in the archive. Rename one of them."
    ),
    Reason.LINK: gettext_noop(
        "%(file)s is a link that leads out of the archive, or in a circle. "
        "Pack the file that it stands for."
    ),
}
SMALL = 50 * 1024 * 1024
_large_ones = Lock()


def judge(opened: zipfile.ZipFile) -> Plan:
    """Read a whole archive; raises CodeRefused unless every worker can unpack it.

    It takes about two seconds per GB. Of what unpacks to more than 50 MB a process
    reads one after the other, so that nobody keeps it busy with them.
    """
    with _refusing():
        plan = archive.plan(opened)
    size = sum(member.file_size for member in opened.infolist())
    if size <= SMALL:
        broken = opened.testzip()
    else:
        with _large_ones:
            broken = opened.testzip()
    if broken:
        raise _refusal(Unfit(Reason.DAMAGED, broken))
    return plan


def check_members(opened: zipfile.ZipFile) -> None:
    """Raise CodeRefused for a member that cannot be unpacked within bounds."""
    with _refusing():
        for member in opened.infolist():
            archive.check_member(member)


def check_handler(plan: Plan, handler: str) -> None:
    """Raise CodeRefused for code that is all in one folder, where nobody looks."""
    module, folder = handler.rpartition(".")[0], plan.only_folder()
    if not folder or module.partition("/")[0] == folder:
        return
    around = f"{folder}/{module}"
    if any(path.rpartition(".")[0] == around for path in plan.files):
        sentence = _(
            "The code is in folder %(folder)s of the archive, and the handler is "
            "looked for beside it. Pack the contents of %(folder)s."
        )
        raise CodeRefused(sentence % {"folder": folder})


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Unfit as error:
        raise _refusal(error) from error


def _refusal(error: Unfit) -> CodeRefused:
    params = {"file": error.name[:255], "most": archive.MAX_FILES}
    kind = CodeTooLarge if error.reason is Reason.MANY else CodeRefused
    return kind(_(SENTENCES[error.reason]) % params)
