"""Operations on a function's code."""

import base64
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema
from pydantic import Field

from console.access import Right
from console.api import lookup
from console.api.errors import ApiError
from console.api.functions import check_code_body, read_code
from console.api.service import limited
from console.api.shapes.function_shapes import (
    DOMAIN,
    SAMPLE,
    EchoedOfCode,
    FunctionCode,
    StrategyConfig,
    check_echoed,
    plain_time,
    strategy_of,
)
from functions import code, creating
from functions.models import Version

router = Router(tags=["code"])


class NewCode(EchoedOfCode):
    """Without `func_code` the code stays; the rest may change."""

    code_type: str = Field(
        json_schema_extra={"enum": ["inline", "zip"]}, examples=["inline"]
    )
    func_code: FunctionCode | None = Field(None, examples=[{"file": SAMPLE}])
    code_filename: str | None = None


class CodeOfFunction(Schema):
    func_urn: str
    func_name: str
    domain_id: str
    runtime: str
    code_type: str
    code_filename: str
    code_size: int
    digest: str
    last_modified: str
    code_url: str | None = None
    func_code: FunctionCode
    depend_list: list[str]
    depend_version_list: list[str]
    strategy_config: StrategyConfig


def _code_of(version: Version) -> dict[str, Any]:
    content = bytes(version.code.content)
    return {
        "func_urn": version.urn,
        "func_name": version.function.name,
        "domain_id": DOMAIN,
        "runtime": version.runtime,
        "code_type": version.code_type,
        "code_filename": version.code_filename,
        "code_size": version.code.size,
        "digest": version.code_id,
        "last_modified": plain_time(version.modified_at),
        "code_url": version.echoed.get("code_url"),
        "func_code": {"file": base64.b64encode(content).decode()},
        "depend_list": [],
        "depend_version_list": version.echoed.get("depend_version_list", []),
        "strategy_config": strategy_of(version),
    }


@router.get(
    "/{function_urn}/code",
    operation_id="ShowFunctionCode",
    summary=gettext_noop("Show the code"),
    response={200: CodeOfFunction},
    exclude_none=True,
)
def show(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    return _code_of(named.version)


@router.put(
    "/{function_urn}/code",
    operation_id="UpdateFunctionCode",
    summary=gettext_noop("Deploy code to latest"),
    response={200: CodeOfFunction},
    exclude_none=True,
)
@limited(check_code_body)
def update(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: NewCode
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    version = named.own_version()
    package = read_code(
        body.code_type, body.func_code, body.code_filename, version.handler
    )
    echoed = version.echoed | body.echoed()
    if package is None and echoed == version.echoed:
        raise ApiError(400, "FSS.1012", _("The code is empty. Send func_code.file."))
    check_echoed(echoed)
    with transaction.atomic():
        if package is not None:
            code.deploy(version, package)
        if echoed != version.echoed:
            creating.configure(version, echoed=echoed)
    return _code_of(lookup.NamedFunction(named.function, version.name).version)
