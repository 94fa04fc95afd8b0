"""What is not here: reads answer what an account that has none of it would see.

Clients look at these before or after what they came for, and stop at an error.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status

from console.access import Right
from console.api import lookup
from console.api.errors import ApiError

router = Router(tags=["absent"])
END = {"next_marker": 0, "count": 0}
NO_PAGE = {"next_marker": 0, "previous_marker": 0, "current_count": 0}
# Below /v2/{project_id}/fgs: the operation, and what it answers.
LISTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "/functions/reservedinstanceconfigs": (
        "ListReservedInstanceConfigs",
        gettext_noop("List reserved instances: there are none here"),
        {"reserved_instances": [], "page_info": NO_PAGE, "count": 0},
    ),
    "/functions/reservedinstances": (
        "ListFunctionReservedInstances",
        gettext_noop("Count reserved instances: there are none here"),
        {"reservedinstances": [], "page_info": NO_PAGE, "count": 0},
    ),
    "/triggers": (
        "ListTriggers",
        gettext_noop("List the triggers of a project: there are none here"),
        {"triggers": [], **END},
    ),
    "/dependencies": (
        "ListDependencies",
        gettext_noop("List dependencies: there are none here"),
        {"dependencies": [], **END},
    ),
    "/applications": (
        "ListFunctionApplications",
        gettext_noop("List applications: there are none here"),
        {"applications": [], **END},
    ),
    "/application/templates": (
        "ListAppTemplates",
        gettext_noop("List templates of applications: there are none here"),
        {"templates": [], **END},
    ),
    "/templates": (
        "ListFunctionTemplate",
        gettext_noop("List templates of functions: there are none here"),
        {"func_templates": [], "next_marker": 0},
    ),
    "/workflows": (
        "ListWorkflow",
        gettext_noop("List workflows: there are none here"),
        {"total": 0, "size": 0, "workflows": []},
    ),
}


class ReservedInstances(Schema):
    count: int = 0
    idle_mode: bool = False
    tactics_config: dict[str, Any] | None = None


def _answering(answer: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    def read(request: HttpRequest, project_id: Path[str]) -> dict[str, Any]:
        lookup.find_project(request, project_id, Right.READ)
        return answer

    return read


for address, (operation_id, summary, answer) in LISTS.items():
    router.get(
        address,
        operation_id=operation_id,
        summary=summary,
        response={200: dict[str, Any]},
    )(_answering(answer))


@router.get(
    "/triggers/{function_urn}",
    operation_id="ListFunctionTriggers",
    summary=gettext_noop("List a function's triggers: there are none here"),
    response={200: list[dict[str, Any]]},
)
def triggers(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> list[dict[str, Any]]:
    lookup.find_function(request, project_id, function_urn, Right.READ)
    return []


@router.delete(
    "/triggers/{function_urn}",
    operation_id="BatchDeleteFunctionTriggers",
    summary=gettext_noop("Delete a function's triggers: there are none here"),
    response={204: None},
)
def delete_triggers(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> Status[Any]:
    lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    return Status(204, None)


@router.get(
    "/functions/{function_urn}/tracing",
    operation_id="ShowTracing",
    summary=gettext_noop("Show a function's tracing: there is none here"),
    response={200: dict[str, str]},
)
def tracing(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> dict[str, str]:
    lookup.find_function(request, project_id, function_urn, Right.READ)
    return {"tracing_ak": "", "tracing_sk": ""}


@router.put(
    "/functions/{function_urn}/reservedinstances",
    operation_id="UpdateFunctionReservedInstancesCount",
    summary=gettext_noop("Give reserved instances up: there are none here"),
    response={200: ReservedInstances},
    exclude_none=True,
)
def reserve(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    body: ReservedInstances,
) -> ReservedInstances:
    """Instances start when they are needed and stay a while; 0 is the only count."""
    lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    if body.count or body.tactics_config:
        sentence = _("Instances cannot be reserved here. Leave reserved_instances out.")
        raise ApiError(400, "FSS.0400", sentence)
    return body
