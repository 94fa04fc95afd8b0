"""The Code tab: edit, deploy, upload and download what a version runs."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.access import Right
from console.door.limits import takes
from console.pages.function import heads
from console.pages.function.heads import Head
from console.ui.htmx import render_page
from functions import code
from functions.code import Package
from functions.exceptions import ChangedMeanwhile, CodeRefused, NotEditable
from functions.forms.base import whole
from functions.models import Version
from functions.runtime.syntax import NoInterpreter, NotChecked, SyntaxFault

LINES_AROUND = 2


@dataclass(frozen=True)
class CodeLine:
    """A line of code as the question shows it; `is_wrong` marks the faulty one."""

    number: int
    text: str
    is_wrong: bool

    @property
    def shown(self) -> str:
        """The line with its number; the faulty one is marked."""
        mark = "<mark>{}  {}</mark>" if self.is_wrong else "{}  {}"
        return format_html(mark, self.number, self.text)


class DoesNotCompile(Exception):
    """The package has a syntax error, and nobody said to deploy it all the same."""

    def __init__(self, package: Package, fault: SyntaxFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault
        self.digest = _digest(package)
        self.is_archive = package.code_type == Version.CodeType.ZIP
        self.lines = () if self.is_archive else _lines_around(package, fault.line)


def _digest(package: Package) -> str:
    """Name exactly this code, so that a "yes" holds for no other."""
    return hashlib.sha256(package.content).hexdigest()


def _lines_around(package: Package, wrong: int) -> tuple[CodeLine, ...]:
    lines = package.content.decode("utf-8", "replace").split("\n")
    first = max(wrong - LINES_AROUND, 1)
    shown = lines[first - 1 : wrong + LINES_AROUND]
    return tuple(
        CodeLine(number, text, number == wrong)
        for number, text in enumerate(shown, first)
    )


@takes(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = heads.load(request, package, name, tab="code", right=Right.READ)
    if request.method == "GET":
        return _render(request, head)
    head = heads.load(request, package, name, tab="code", right=Right.CONFIGURE)
    typed = request.POST.get("source")
    try:
        unchecked = _deploy(request, head.version)
    except ChangedMeanwhile as error:
        head.version.refresh_from_db()
        return _render(request, head, typed=typed, problem=str(error), status=409)
    except DoesNotCompile as error:
        return _render(request, head, typed=typed, syntax=error, status=422)
    except (CodeRefused, NotEditable) as error:
        return _render(request, head, typed=typed, problem=str(error), status=422)
    except UnicodeEncodeError:
        problem = _("The code holds a character that UTF-8 cannot write.")
        return _render(request, head, problem=problem, status=422)
    if unchecked:
        messages.warning(request, unchecked)
    else:
        messages.success(request, _("Deployed."))
    return redirect("function-code", package, name)


def _deploy(request: HttpRequest, version: Version) -> str:
    """Deploy what was sent; return why its syntax was not checked, "" when it was.

    Raises DoesNotCompile until a "yes" comes with the digest of this very code.
    """
    archive = request.FILES.get("archive")
    expected = None
    if archive is not None:
        if (archive.size or 0) > code.MAX_PACKAGE_BYTES:
            raise CodeRefused(_("The archive is over 50 MB. Make it smaller."))
        package = code.zip_package(archive.read(), filename=archive.name or "code.zip")
        code.check_place(package, version.handler)
    else:
        source = request.POST.get("source", "")
        package = code.text_package(source, handler=version.handler)
        expected = _revision(request)
    unchecked = _check_syntax(request, package, version)
    code.deploy(version, package, expected=expected)
    return unchecked


def _check_syntax(request: HttpRequest, package: Package, version: Version) -> str:
    if request.POST.get("anyway") == _digest(package):
        return ""
    try:
        fault = code.syntax_fault(package, version)
    except NoInterpreter:
        sentence = _(
            "Deployed. The syntax was not checked: this machine has no %(runtime)s."
        )
        return sentence % {"runtime": version.runtime}
    except NotChecked:
        return _("Deployed. The syntax was not checked: the compiler gave up on it.")
    if fault:
        raise DoesNotCompile(package, fault)
    return ""


def _revision(request: HttpRequest) -> int | None:
    """Return the revision that was edited; None where the form does not say."""
    return whole(request.POST.get("revision", ""))


def _render(
    request: HttpRequest,
    head: Head,
    *,
    typed: str | None = None,
    problem: str = "",
    syntax: DoesNotCompile | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "head": head,
        "source": code.source_of(head.version),
        "typed": typed,
        "problem": problem,
        "syntax": syntax,
        "events": head.function.test_events.defer("content"),
        "is_editable": head.version.is_latest and head.may_configure,
    }
    return render_page(
        request,
        "functions/code.html",
        context,
        partial="editor",
        status=status,
    )


@require_GET
def download(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = heads.load(request, package, name, tab="code", right=Right.READ)
    version = head.version
    is_zip = version.code_type == Version.CodeType.ZIP
    filename = f"{name}-{version.name}.zip" if is_zip else version.code_filename
    kind = "application/zip" if is_zip else "text/x-python; charset=utf-8"
    response = HttpResponse(bytes(version.code.content), content_type=kind)
    leaf = filename.rpartition("/")[2]
    response["Content-Disposition"] = f'attachment; filename="{leaf}"'
    return response
