"""The Code tab: edit, deploy, upload and download what a version runs."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.access import Right
from console.htmx import render_page
from console.pages import heads
from console.pages.heads import Head
from functions import code
from functions.exceptions import ChangedMeanwhile, CodeRefused, NotEditable
from functions.models import Version


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, package: str, name: str) -> HttpResponse:
    head = heads.load(request, package, name, tab="code", right=Right.READ)
    if request.method == "GET":
        return _render(request, head)
    head = heads.load(request, package, name, tab="code", right=Right.CONFIGURE)
    try:
        _deploy(request, head.version)
    except ChangedMeanwhile as error:
        head.version.refresh_from_db()
        typed = request.POST.get("source")
        return _render(request, head, typed=typed, problem=str(error), status=409)
    except (CodeRefused, NotEditable) as error:
        typed = request.POST.get("source")
        return _render(request, head, typed=typed, problem=str(error))
    except UnicodeEncodeError:
        problem = _("The code holds a character that UTF-8 cannot write.")
        return _render(request, head, problem=problem)
    messages.success(request, _("Deployed."))
    return redirect("function-code", package, name)


def _deploy(request: HttpRequest, version: Version) -> None:
    archive = request.FILES.get("archive")
    if archive is not None:
        if (archive.size or 0) > code.PACKAGE_LIMIT:
            raise CodeRefused(_("The archive is over 50 MB. Make it smaller."))
        package = code.zip_package(archive.read(), filename=archive.name or "code.zip")
        code.deploy(version, package)
    else:
        source = request.POST.get("source", "")
        package = code.text_package(source, handler=version.handler)
        code.deploy(version, package, expected=_revision(request))


def _revision(request: HttpRequest) -> int | None:
    """Return the revision that was edited; None where the form does not say."""
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _render(
    request: HttpRequest,
    head: Head,
    *,
    typed: str | None = None,
    problem: str = "",
    status: int = 422,
) -> HttpResponse:
    context = {
        "head": head,
        "source": code.source_of(head.version),
        "typed": typed,
        "problem": problem,
        "events": head.function.test_events.defer("content"),
        "is_editable": head.version.is_latest and head.may_configure,
    }
    return render_page(
        request,
        "functions/code.html",
        context,
        partial="editor",
        status=status if problem else 200,
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
