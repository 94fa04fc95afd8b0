"""What there is to choose from."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema

from console.access import Right
from console.api import lookup
from functions.runtime import available_runtimes

router = Router(tags=["function"])


class RuntimeType(Schema):
    type: str
    display_name: str


@router.get(
    "/runtimetypes",
    operation_id="ListRuntimeTypes",
    summary=gettext_noop("List the runtimes that functions can have here"),
    response={200: list[RuntimeType]},
)
def index(request: HttpRequest, project_id: Path[str]) -> list[dict[str, Any]]:
    lookup.find_project(request, project_id, Right.READ)
    return [{"type": name, "display_name": name} for name in available_runtimes()]
