"""Operations that take functions along: export and import."""

import base64
import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema
from ninja.params.functions import Query
from pydantic import Field

from console.access import Right
from console.api import lookup
from console.api.errors import ApiError, refuse
from console.api.functions import CODES, FORM_NAMES, check_code_body
from console.api.service import limited
from console.api.shapes.function_shapes import FunctionConfig, config_of
from functions import creating, names, networks, transfer
from functions.forms import NewDefinitionForm

router = Router(tags=["function"])
ARCHIVE = {
    "responses": {
        200: {
            "description": "A ZIP archive.",
            "content": {"application/zip": {"schema": {}}},
        }
    }
}


class ImportedFunction(Schema):
    func_name: str = Field(examples=["test2"])
    file_name: str = Field(examples=["test1-latest.zip"])
    file_type: str = Field(json_schema_extra={"enum": ["zip"]}, examples=["zip"])
    file_code: str = Field(description="The exported archive in base64.")
    package: str = "default"


@router.get(
    "/{function_urn}/export",
    operation_id="ExportFunction",
    summary=gettext_noop("Export a function as an archive"),
    response={200: None},
    openapi_extra=ARCHIVE,
)
def export(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    config: bool = False,
    code: bool = False,
    type: str = Query("", description=gettext_noop("code or config.")),
) -> HttpResponse:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    wants_config, wants_code = config or type == "config", code or type == "code"
    if not wants_config and not wants_code:
        raise ApiError(400, "FSS.1001", _("Ask for config=true, code=true, or both."))
    archive = transfer.export(named.version, config=wants_config, code=wants_code)
    response = HttpResponse(archive, content_type="application/zip")
    filename = f"{named.function.name}-{named.version.name}.zip"
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


@router.post(
    "/import",
    operation_id="ImportFunction",
    summary=gettext_noop("Create a function from an exported archive"),
    response={200: FunctionConfig},
    exclude_none=True,
)
@limited(check_code_body)
def import_function(
    request: HttpRequest, project_id: Path[str], body: ImportedFunction
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    if body.file_type != "zip":
        raise ApiError(400, "FSS.1013", _("file_type: write zip."))
    try:
        archive = base64.b64decode(body.file_code, validate=True)
    except ValueError as error:
        raise ApiError(400, "FSS.1011", _("file_code is not base64.")) from error
    exported = transfer.read(archive)
    told = {"name": body.func_name, "package": body.package}
    fields = (
        {"network": True}
        | exported.fields
        | {"user_data": json.dumps(exported.fields.get("user_data", {}))}
    )
    if exported.fields.get("vpc"):
        named = {name: str(fields.get(name, "")) for name in transfer.NETWORK}
        fields |= networks.ids_of(project, **named)
    form = NewDefinitionForm(fields | told, project=project)
    if not form.is_valid():
        raise refuse(form, CODES, names=FORM_NAMES)
    new = creating.FunctionDraft(**form.cleaned_data, code=exported.code)
    return config_of(
        lookup.NamedFunction(creating.create(project, new), names.LATEST).version
    )
