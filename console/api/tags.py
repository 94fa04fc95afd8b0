"""Operations on the tags of functions."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from pydantic import Field

from console.access import Right
from console.api import lookup
from console.api.errors import ApiError
from functions import tags
from functions.models import Function

router = Router(tags=["tag"])


class Tag(Schema):
    key: str = ""
    value: str = ""


class TagChange(Schema):
    action: str = Field("", description="create or delete.")
    tags: list[Tag] = Field(
        default_factory=list, examples=[[{"key": "team", "value": "a"}]]
    )
    sys_tags: list[Tag] = Field(default_factory=list, description="Not kept.")


class TagList(Schema):
    tags: list[Tag]
    sys_tags: list[Tag]


class TagValues(Schema):
    key: str
    values: list[str]


class ProjectTagList(Schema):
    tags: list[TagValues]
    sys_tags: list[TagValues]


def _check_type(resource_type: str) -> None:
    if resource_type != "functions":
        raise ApiError(400, "FSS.0400", _("Only functions have tags."))


def _find(
    request: HttpRequest, project_id: str, kind: str, resource_id: str, right: Right
) -> Function:
    """Find a function by its ID, `<ID>:<name>`, or its URN."""
    project = lookup.find_project(request, project_id, right)
    _check_type(kind)
    if resource_id.startswith("urn:"):
        return lookup.find_function(request, project_id, resource_id, right).function
    functions = Function.objects.in_project(project)
    try:
        found = functions.filter(func_id=UUID(resource_id.partition(":")[0])).first()
    except ValueError:
        found = None
    if found is None:
        raise ApiError(
            404,
            "FSS.1051",
            _("Function %(name)s does not exist.") % {"name": resource_id},
        )
    return found


@router.post(
    "/{resource_type}/{resource_id}/tags/create",
    operation_id="CreateTags",
    summary=gettext_noop("Give a function tags"),
    response={204: None},
)
def create(
    request: HttpRequest,
    project_id: Path[str],
    resource_type: str,
    resource_id: str,
    body: TagChange,
) -> Status[Any]:
    function = _find(request, project_id, resource_type, resource_id, Right.CONFIGURE)
    tags.add(function, {tag.key: tag.value for tag in body.tags})
    return Status(204, None)


@router.delete(
    "/{resource_type}/{resource_id}/tags/delete",
    operation_id="DeleteTags",
    summary=gettext_noop("Take tags from a function"),
    response={204: None},
)
def delete(
    request: HttpRequest,
    project_id: Path[str],
    resource_type: str,
    resource_id: str,
    body: TagChange,
) -> Status[Any]:
    function = _find(request, project_id, resource_type, resource_id, Right.CONFIGURE)
    tags.remove(function, [tag.key for tag in body.tags])
    return Status(204, None)


@router.get(
    "/{resource_type}/{resource_id}/tags",
    operation_id="ListFunctionTags",
    summary=gettext_noop("List a function's tags"),
    response={200: TagList},
)
def of_function(
    request: HttpRequest, project_id: Path[str], resource_type: str, resource_id: str
) -> dict[str, Any]:
    function = _find(request, project_id, resource_type, resource_id, Right.READ)
    found = sorted(function.tags.items())
    return {"tags": [{"key": k, "value": v} for k, v in found], "sys_tags": []}


@router.get(
    "/{resource_type}/tags",
    operation_id="ShowProjectTagsList",
    summary=gettext_noop("List the tags of a project's functions"),
    response={200: ProjectTagList},
)
def of_project(
    request: HttpRequest, project_id: Path[str], resource_type: str
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    _check_type(resource_type)
    known: dict[str, set[str]] = {}
    rows = Function.objects.in_project(project).exclude(tags={})
    for used in rows.values_list("tags", flat=True):
        for key, value in used.items():
            known.setdefault(key, set()).add(value)
    told = [{"key": key, "values": sorted(known[key])} for key in sorted(known)]
    return {"tags": told, "sys_tags": []}
