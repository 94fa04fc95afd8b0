"""Operations on test events."""

import base64
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from pydantic import Field

from console.access import Right
from console.api import lookup, paging
from console.api.errors import ApiError, refuse
from functions.forms import EventForm
from functions.models import Function, TestEvent

router = Router(tags=["event"])
CODES = {
    "name": "FSS.1074",
    "name.taken": "403 FSS.1073",
    "content": "FSS.1074",
    "content.large": "403 FSS.1069",
    "__all__.limit": "403 FSS.1068",
}


class EventChange(Schema):
    content: str = Field(
        description="The event's JSON in base64; at most 256 KB.",
        examples=["eyJrZXkiOiAidmFsdWUifQ=="],
    )


class NewEvent(EventChange):
    name: str = Field(examples=["event1"])


class EventId(Schema):
    id: str
    name: str


class EventSummary(EventId):
    last_modified: float = Field(description="Seconds since 1970.")


class Event(EventSummary):
    content: str


class EventList(Schema):
    count: int
    events: list[EventSummary]
    next_marker: int = Field(description=paging.NEXT)


def _summary(event: TestEvent) -> dict[str, Any]:
    return {
        "id": str(event.event_id),
        "name": event.name,
        "last_modified": event.modified_at.timestamp(),
    }


def _find(function: Function, event_id: str) -> TestEvent:
    try:
        found = function.test_events.filter(event_id=UUID(event_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise ApiError(
            404, "FSS.1070", _("There is no test event %(id)s.") % {"id": event_id}
        )
    return found


def _save(form: EventForm) -> dict[str, Any]:
    if not form.is_valid():
        raise refuse(form, CODES)
    saved = form.save()
    return {"id": str(saved.event_id), "name": saved.name}


def _text(content: str) -> str:
    try:
        return base64.b64decode(content, validate=True).decode()
    except ValueError as error:
        raise ApiError(
            400, "FSS.1074", _("content is not base64 of UTF-8 text.")
        ) from error


@router.post(
    "/{function_urn}/events",
    operation_id="CreateEvent",
    summary=gettext_noop("Save a test event"),
    response={200: EventId},
)
def create(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: NewEvent
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    data = {"name": body.name, "content": _text(body.content)}
    return _save(EventForm(data, function=named.function))


@router.get(
    "/{function_urn}/events",
    operation_id="ListEvents",
    summary=gettext_noop("List test events"),
    response={200: EventList},
)
def index(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    marker: str = "0",
    maxitems: str = "100",
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    page = paging.read(marker, maxitems, usual=100, most=100)
    events = named.function.test_events.defer("content")
    shown = page.of_rows(events)
    return {
        "count": events.count(),
        "events": [_summary(event) for event in shown],
        "next_marker": page.after(len(shown)),
    }


@router.get(
    "/{function_urn}/events/{event_id}",
    operation_id="ShowEvent",
    summary=gettext_noop("Show a test event"),
    response={200: Event},
)
def show(
    request: HttpRequest, project_id: Path[str], function_urn: str, event_id: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    event = _find(named.function, event_id)
    content = base64.b64encode(bytes(event.content)).decode()
    return _summary(event) | {"content": content}


@router.put(
    "/{function_urn}/events/{event_id}",
    operation_id="UpdateEvent",
    summary=gettext_noop("Change a test event"),
    response={200: EventId},
)
def update(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    event_id: str,
    body: EventChange,
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    event = _find(named.function, event_id)
    data = {"name": event.name, "content": _text(body.content)}
    return _save(EventForm(data, function=named.function, event=event))


@router.delete(
    "/{function_urn}/events/{event_id}",
    operation_id="DeleteEvent",
    summary=gettext_noop("Delete a test event"),
    response={204: None},
)
def delete(
    request: HttpRequest, project_id: Path[str], function_urn: str, event_id: str
) -> Status[Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    _find(named.function, event_id).delete()
    return Status(204, None)
