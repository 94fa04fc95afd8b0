"""Destinations → Buckets: the buckets of this installation's storage, and inside."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from asyncconfig import graph
from asyncconfig.clients import storage
from asyncconfig.clients.objects import Listing, StorageError, Trouble
from asyncconfig.models import Bucket, Invocation, ObjectExpiry
from asyncconfig.models.config import OBS
from asyncconfig.services.buckets import expiries, keeping
from asyncconfig.services.buckets.forms import BucketForm
from console import access
from console.access import Right, needs
from console.pages import dialogs
from console.pages.paging import Page, page_of
from console.pages.services import deleting, owed
from console.ui.htmx import posted, redirect_page, render_form, render_page
from functions.exceptions import NameTaken, StillUsed
from functions.models import Project

PAGE = 20
OBJECTS = 50
COUNTED = 100
PREVIEWED = 64 * 1024 + 1
MAX_KEY_BYTES = 1024


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    return render_page(
        request, "services/buckets/index.html", _listed(request), partial="rows"
    )


def _listed(request: HttpRequest) -> dict[str, Any]:
    """Return a page of the project's buckets, newest first."""
    project = access.get_project(request)
    page = page_of(Bucket.objects.filter(project=project), request, size=PAGE)
    used = graph.uses_by_key(project, OBS, [one.name for one in page.rows])
    counts, problem = _counts(page.rows)
    return {
        "buckets": [
            {"bucket": one, "uses": used[one.name], "count": counts.get(one.name)}
            for one in page.rows
        ],
        "page": page,
        "problem": problem,
        "counted": COUNTED,
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }


def _counts(rows: Sequence[Bucket]) -> tuple[dict[str, int], str]:
    """Count the objects of each bucket, up to one more than COUNTED.

    The storage that is away is asked once only; returned is also its sentence.
    """
    counts: dict[str, int] = {}
    problem = ""
    try:
        own = storage.own()
    except StorageError as error:
        return counts, str(error)
    for row in rows:
        try:
            counts[row.name] = own.count(row.name, most=COUNTED + 1)
        except StorageError as error:
            problem = str(error)
            if error.trouble is Trouble.AWAY:
                break
    return counts, problem


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    form = BucketForm(posted(request))
    if form.is_valid():
        project = access.get_project(request)
        try:
            made = keeping.create(project, form.cleaned_data["name"])
        except (NameTaken, StorageError) as error:
            form.add_error("name", str(error))
        else:
            sentence = _("Bucket %(bucket)s created.") % {"bucket": made.name}
            messages.success(request, sentence)
            return redirect_page(request, reverse("bucket", args=[made.name]))
    context = _listed(request)
    return render_form(request, "services/buckets/create.html", form, context)


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def delete(request: HttpRequest, name: str) -> HttpResponse:
    bucket = access.get_bucket(access.get_project(request), name)
    title, back = _("Delete bucket"), reverse("buckets")
    uses = graph.uses_of(bucket.project, OBS, bucket.name)
    if request.method == "POST" and not uses:
        try:
            keeping.delete(bucket)
        except (StillUsed, StorageError) as error:
            opened = _("Open %(bucket)s") % {"bucket": name}
            page = dialogs.UsedBy(opened, reverse("bucket", args=[name]))
            return dialogs.refuse(
                request, title, str(error), [page], back=back, status=422
            )
        sentence = _("Bucket %(bucket)s deleted.") % {"bucket": name}
        messages.success(request, sentence)
        return redirect_page(request, back)
    question = _("Delete %(bucket)s? Only an empty bucket can be deleted.")
    return deleting.ask(request, title, question % {"bucket": name}, uses, back=back)


@require_GET
@needs(Right.READ)
def show(request: HttpRequest, name: str) -> HttpResponse:
    """Show what is right below a prefix, and one object when it is asked for."""
    project = access.get_project(request)
    bucket = access.get_bucket(project, name)
    prefix = _key(request, "prefix")
    listing, problem = Listing((), ()), ""
    is_first = "token" not in request.GET
    try:
        listing = storage.own().find(
            name, prefix, token=request.GET.get("token", "")[:2048], most=OBJECTS
        )
    except StorageError as error:
        problem = str(error)
    context = {
        "bucket": bucket,
        "uses": graph.uses_of(bucket.project, OBS, bucket.name),
        "prefix": prefix,
        "crumbs": _crumbs(prefix),
        "folders": [
            {"key": one, "name": one[len(prefix) :]} for one in listing.folders
        ],
        "objects": _objects(project, bucket, prefix, listing),
        "page": Page(listing.objects, listing.token or None, is_first),
        "further": _further(prefix, listing),
        "problem": problem,
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }
    back = reverse("bucket", args=[name])
    context |= owed.of_target(project, OBS, name, back=back)
    context |= _preview(request, bucket)
    return render_page(
        request, "services/buckets/show.html", context, partial="objects"
    )


def _key(request: HttpRequest, name: str) -> str:
    """Return a key of the query; 404 for one that might lead out of its bucket."""
    key = request.GET.get(name, "")
    is_long = len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES
    is_odd = not key.isprintable() or {".", ".."} & set(key.split("/"))
    if is_long or is_odd or key.startswith("/"):
        raise Http404(_("This object no longer exists."))
    return key


def _crumbs(prefix: str) -> list[dict[str, str]]:
    """Return the folders on the way, each with its whole prefix."""
    parts = [part for part in prefix.split("/")[:-1] if part]
    return [
        {"name": part, "prefix": "/".join(parts[: n + 1]) + "/"}
        for n, part in enumerate(parts)
    ]


def _further(prefix: str, listing: Listing) -> str:
    if not listing.token:
        return ""
    return urlencode({"prefix": prefix, "token": listing.token})


def _objects(
    project: Project, bucket: Bucket, prefix: str, listing: Listing
) -> list[dict[str, Any]]:
    """Return the objects with when they go, and the invocation that they came from."""
    keys = [one.key for one in listing.objects]
    rows = ObjectExpiry.objects.filter(bucket=bucket, key__in=keys)
    ends = dict(rows.values_list("key", "expires_at"))
    ids = {key: found for key in keys if (found := _request_id(key))}
    invocations = Invocation.objects.in_project(project).without_bodies()
    known = {
        one.request_id: one
        for one in invocations.filter(request_id__in=ids.values()).select_related(
            "function"
        )
    }
    return [
        {
            "found": one,
            "name": one.key[len(prefix) :],
            "expires_at": ends.get(one.key),
            "source": known.get(ids[one.key]) if one.key in ids else None,
            "query": urlencode({"key": one.key}),
            "shown": urlencode({"prefix": prefix, "object": one.key}),
        }
        for one in listing.objects
    ]


def _request_id(key: str) -> UUID | None:
    """Return the request that an object is named for."""
    try:
        return UUID(key.rpartition("/")[2].removesuffix(".json"))
    except ValueError:
        return None


def _preview(request: HttpRequest, bucket: Bucket) -> dict[str, Any]:
    """Return the beginning of the object that is asked for."""
    key = _key(request, "object")
    if not key:
        return {}
    try:
        content = storage.own().read(bucket.name, key, most=PREVIEWED)
    except StorageError as error:
        return {"object": key, "object_problem": str(error)}
    return {"object": key, "content": content, "query": urlencode({"key": key})}


@require_GET
def download(request: HttpRequest, name: str) -> HttpResponse | StreamingHttpResponse:
    """Send an object as a file, whatever type it says it has."""
    access.require(request.user, Right.READ)
    bucket = access.get_bucket(access.get_project(request), name)
    key = _key(request, "key")
    try:
        pieces = storage.own().stream(bucket.name, key)
    except StorageError as error:
        if error.trouble is Trouble.NO_OBJECT:
            raise Http404(str(error)) from error
        messages.error(request, str(error))
        return redirect("bucket", name)
    response = StreamingHttpResponse(pieces, content_type="application/octet-stream")
    filename = re.sub(r"[^\w.-]", "_", key.rpartition("/")[2]) or "object"
    disposition = content_disposition_header(as_attachment=True, filename=filename)
    response["Content-Disposition"] = disposition or "attachment"
    return response


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def delete_object(request: HttpRequest, name: str) -> HttpResponse:
    bucket = access.get_bucket(access.get_project(request), name)
    key = _key(request, "key")
    folder = urlencode({"prefix": key.rpartition("/")[0] + "/"}) if "/" in key else ""
    back = f"{reverse('bucket', args=[name])}?{folder}"
    if request.method == "GET" or not key:
        question = _("Delete %(key)s? This can't be undone.") % {"key": key}
        return dialogs.ask(request, _("Delete object"), question, back=back)
    try:
        storage.own().delete(name, key)
    except StorageError as error:
        messages.error(request, str(error))
    else:
        expiries.forget(bucket, key)
        messages.success(request, _("Object deleted."))
    return redirect_page(request, back)
