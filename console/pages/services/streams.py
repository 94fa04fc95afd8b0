"""Streams of this installation: which there are, and the records in them."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from asyncconfig import graph
from asyncconfig.exceptions import (
    RecordsAway,
    StillRunning,
    StreamError,
    StreamExists,
)
from asyncconfig.models import Invocation, Stream
from asyncconfig.models.config import DIS
from asyncconfig.services.streams import keeping, partitions, records
from asyncconfig.services.streams.forms import RecordForm, StreamForm
from asyncconfig.services.streams.records import Kept, NewRecord, Span
from console import access
from console.access import Right, needs
from console.door.limits import form_with, takes
from console.pages import submitting
from console.pages.paging import SIZE, Page, page_of
from console.pages.services import deleting, owed
from console.ui.htmx import posted, redirect_page, render_form, render_page
from functions.forms.base import whole
from functions.models import Project

# How long putting a record may take; Redis has time-outs of its own.
PUT_SECONDS = 30
# What the records of a page may weigh together (bytes); one always fits.
PAGE_BYTES = 4 * records.MAX_RECORD_BYTES


@require_GET
@needs(Right.READ)
def index(request: HttpRequest) -> HttpResponse:
    return render_page(
        request, "services/streams/index.html", _listed(request), partial="rows"
    )


def _listed(request: HttpRequest) -> dict[str, Any]:
    """Return a page of the project's streams, newest first."""
    project = access.get_project(request)
    page = page_of(keeping.of(project), request)
    used = graph.uses_by_key(project, DIS, [stream.name for stream in page.rows])
    spans, problem = _spans(page.rows)
    return {
        "rows": [
            {
                "stream": stream,
                "fresh": sum(one.fresh for one in held) if held else None,
                "uses": used[stream.name],
            }
            for stream, held in zip(page.rows, spans, strict=True)
        ],
        "page": page,
        "problem": problem,
        "may_configure": access.may(request.user, Right.CONFIGURE),
    }


def _spans(streams: Sequence[Stream]) -> tuple[list[list[Span]], str]:
    """Return what the streams hold; or nothing, and why it cannot be told."""
    try:
        return records.spans(streams), ""
    except RecordsAway as error:
        return [[] for _stream in streams], str(error)


def _number(request: HttpRequest, name: str) -> int | None:
    return whole(request.GET.get(name, ""))


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def create(request: HttpRequest) -> HttpResponse:
    project = access.get_project(request)
    form = StreamForm(posted(request))
    if form.is_valid():
        try:
            stream = keeping.create(project, **form.cleaned_data)
        except StreamExists as error:
            form.add_error("name", str(error))
        else:
            messages.success(
                request, _("Stream %(name)s created.") % {"name": stream.name}
            )
            return redirect_page(request, _url(stream))
    context = _listed(request)
    return render_form(request, "services/streams/create.html", form, context)


def _url(stream: Stream) -> str:
    return reverse("stream", args=[stream.name])


@require_GET
@needs(Right.READ)
def show(request: HttpRequest, name: str) -> HttpResponse:
    stream = access.get_stream(access.get_project(request), name)
    context = _shown(request, stream)
    return render_page(
        request, "services/streams/show.html", context, partial="records"
    )


def _shown(request: HttpRequest, stream: Stream) -> dict[str, Any]:
    (spans,), problem = _spans([stream])
    span = _chosen(request, spans)
    before = _number(request, "before")
    found: list[Kept] = []
    if span is not None:
        try:
            found = records.newest(
                stream,
                span,
                before=before,
                most_bytes=PAGE_BYTES,
                most=SIZE,
            )
        except RecordsAway as error:
            problem = str(error)
    return {
        "stream": stream,
        "spans": spans,
        "span": span,
        "kept": span.after - span.oldest if span else None,
        "rows": _rows(stream.project, found),
        "opened": _number(request, "record"),
        "page": Page(found, _older(span, found), before is None),
        "problem": problem,
        "uses": graph.uses_of(stream.project, DIS, stream.name),
        "may_configure": access.may(request.user, Right.CONFIGURE),
        "may_invoke": access.may(request.user, Right.INVOKE),
    } | owed.of_target(stream.project, DIS, stream.name, back=_url(stream))


def _chosen(request: HttpRequest, spans: list[Span]) -> Span | None:
    """Return the partition that was asked for, or the one that was written last."""
    number = _number(request, "partition")
    if number is not None and number < len(spans):
        return spans[number]
    written = [one for one in spans if one.newest_at]
    newest = max(written, key=lambda one: str(one.newest_at), default=None)
    return newest or (spans[0] if spans else None)


def _older(span: Span | None, found: list[Kept]) -> int | None:
    """Return the number that the next older page comes before."""
    if span is None or not found or found[-1].number <= span.oldest:
        return None
    return found[-1].number


def _rows(project: Project, found: list[Kept]) -> list[dict[str, Any]]:
    """Return the records, each with the invocation that its key names."""
    ids = {one.key: key for one in found if (key := _request_id(one.key))}
    rows = Invocation.objects.in_project(project).filter(request_id__in=ids.values())
    known = {
        row.request_id: row for row in rows.select_related("function").without_bodies()
    }
    return [
        {"record": one, "invocation": known.get(ids[one.key]) if one.key in ids else ""}
        for one in found
    ]


def _request_id(key: str) -> UUID | None:
    try:
        return UUID(key) if len(key) == 36 else None
    except ValueError:
        return None


@takes(form_with(records.MAX_RECORD_BYTES))
@require_http_methods(["GET", "POST"])
@needs(Right.INVOKE)
def put(request: HttpRequest, name: str) -> HttpResponse:
    """Put a test record; its key decides the partition, as for everybody."""
    stream = access.get_stream(access.get_project(request), name)
    form = RecordForm(posted(request))
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            done = submitting.once_outside(
                request, lambda: _put(stream, form), seconds=PUT_SECONDS
            )
        except (StreamError, StillRunning) as error:
            form.add_error(None, str(error))
            status = 422 if isinstance(error, StreamError) else 409
            status = 409 if isinstance(error, RecordsAway) else status
        else:
            number, partition = json.loads(done.answer)
            params = {"number": number, "name": partitions.name_of(partition)}
            sentence = _("Put as record %(number)d of %(name)s.") % params
            submitting.say(request, done, sentence)
            return redirect_page(request, f"{_url(stream)}?partition={partition}")
    context = {"form": form} | _shown(request, stream)
    return render_page(
        request, "services/streams/put.html", context, partial="dialog", status=status
    )


def _put(stream: Stream, form: RecordForm) -> str:
    """Put the record; return its number and partition, as JSON."""
    key = form.cleaned_data["partition_key"]
    partition = partitions.of_key(key, count=stream.partitions)
    data = form.cleaned_data["content"].encode("utf-8", "backslashreplace")
    put = records.put(stream, [NewRecord(data, partition, key)])[0]
    return json.dumps([put.number, put.partition])


@require_http_methods(["GET", "POST"])
@needs(Right.CONFIGURE)
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Delete a stream with its records, unless functions send results there."""
    stream = access.get_stream(access.get_project(request), name)
    uses = graph.uses_of(stream.project, DIS, stream.name)
    if request.method == "POST" and not uses:
        try:
            keeping.delete(stream)
        except RecordsAway as error:
            messages.error(request, str(error))
            return redirect_page(request, _url(stream))
        messages.success(request, _("Stream %(name)s deleted.") % {"name": name})
        return redirect_page(request, reverse("streams"))
    question = _("Delete %(name)s with all its records? This can't be undone.")
    return deleting.ask(
        request,
        _("Delete stream"),
        question % {"name": name},
        uses,
        back=_url(stream),
    )
