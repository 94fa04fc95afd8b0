"""Operations on functions: create, list, configure, limit, pin and delete."""

import base64
import json
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from ninja.params.functions import Query
from pydantic import Field

from asyncconfig import clock, removing
from asyncconfig.models import Invocation
from console.access import Right
from console.api import lookup, paging
from console.api.errors import ApiError, refuse
from console.api.service import limited
from console.api.shapes.function_shapes import (
    FunctionChange,
    FunctionCode,
    FunctionConfig,
    NewFunction,
    check_echoed,
    config_of,
)
from functions import code, creating, names
from functions.exceptions import CodeTooLarge
from functions.forms import DefinitionForm, NewDefinitionForm
from functions.models import Function, Version

router = Router(tags=["function"])
MAX_CODE_BODY_BYTES = 70 * 1024 * 1024  # 50 MB in base64, and the rest of the body
CODES = {
    "name": "FSS.1002",
    "handler": "FSS.1003",
    "package": "FSS.1004",
    "runtime": "FSS.1005",
    "memory_size": "FSS.1007",
    "timeout": "FSS.1008",
    "user_data": "FSS.1009",
    "user_data.count": "FSS.1017",
    "user_data.size": "FSS.1018",
    "encrypted_user_data": "FSS.1009",
    "encrypted_user_data.count": "FSS.1017",
    "encrypted_user_data.size": "FSS.1018",
    "description": "FSS.1019",
    "agency": "403 FSS.1121",
    "vpc": "FSS.1036",
    "subnet": "FSS.1037",
    "initializer_handler": "FSS.1404",
    "initializer_timeout": "FSS.1405",
    "__all__.taken": "409 FSS.1061",
}
FORM_NAMES = {
    "name": "func_name",
    "agency": "xrole",
    "vpc": "func_vpc.vpc_id",
    "subnet": "func_vpc.subnet_id",
}


def check_code_body(size: int) -> None:
    if size > MAX_CODE_BODY_BYTES:
        raise CodeTooLarge(_("The archive is over 50 MB. Make it smaller."))


class FunctionList(Schema):
    functions: list[dict[str, Any]] = Field(
        description="FunctionConfig, and fail_count: failures within a day."
    )
    next_marker: int = Field(description=paging.NEXT)
    count: int


class MaxInstances(Schema):
    max_instance_num: int | None = Field(
        None,
        description="−1 without limit, 0 disables the function.",
        json_schema_extra={"minimum": -1, "maximum": 1000},
        examples=[400],
    )


@router.post(
    "",
    operation_id="CreateFunction",
    summary=gettext_noop("Create a function"),
    response={200: FunctionConfig},
    exclude_none=True,
)
@limited(check_code_body)
def create(
    request: HttpRequest, project_id: Path[str], body: NewFunction
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.CONFIGURE)
    form = NewDefinitionForm(_fields(body), project=project)
    if not form.is_valid():
        raise refuse(form, CODES, names=FORM_NAMES)
    cleaned, echoed = form.cleaned_data, body.echoed()
    check_echoed(echoed)
    package = read_code(
        body.code_type, body.func_code, body.code_filename, cleaned["handler"]
    )
    if package:
        code.check_place(package, cleaned["handler"])
    new = creating.FunctionDraft(**cleaned, echoed=echoed, code=package)
    return config_of(_latest(creating.create(project, new)))


def _fields(body: NewFunction | FunctionChange) -> dict[str, Any]:
    """Return what was sent under the names that the forms have."""
    sent = body.model_dump(exclude_none=True)
    renamed = {"func_name": "name", "xrole": "agency"}
    fields = {renamed.get(name, name): value for name, value in sent.items()}
    if body.func_vpc is not None:
        fields["vpc"] = body.func_vpc.vpc_id
        fields["subnet"] = body.func_vpc.subnet_id
    if body.network_controller is not None:
        is_off = body.network_controller.disable_public_network
        fields["network"] = not is_off
    if isinstance(body, NewFunction):
        fields.setdefault("network", True)
        fields.setdefault("initializer_timeout", 3)
    return fields


def read_code(
    code_type: str, sent: FunctionCode | None, filename: str | None, handler: str
) -> code.Package | None:
    """Read code as clients send it; None for an empty file, which is the sample."""
    if code_type not in Version.CodeType.values:
        raise ApiError(
            400,
            "FSS.1006",
            _("Code type %(type)s is not supported here. Use inline or zip.")
            % {"type": code_type},
        )
    if sent is None or not sent.file:
        return None
    try:
        content = base64.b64decode(sent.file, validate=True)
        if code_type == Version.CodeType.ZIP:
            return code.zip_package(content, filename=filename or "code.zip")
        return code.text_package(content.decode(), handler=handler)
    except ValueError as error:
        raise ApiError(
            400, "FSS.1011", _("func_code.file is not base64 of UTF-8 text.")
        ) from error


def _latest(function: Function) -> Version:
    return lookup.NamedFunction(function, names.LATEST).version


@router.get(
    "",
    operation_id="ListFunctions",
    summary=gettext_noop("List functions"),
    response={200: FunctionList},
)
def index(
    request: HttpRequest,
    project_id: Path[str],
    marker: str = Query("0", description=gettext_noop("Where to begin.")),
    maxitems: str = Query("400", description=gettext_noop("At most 400.")),
    package_name: str = "",
    func_name: str = Query("", description=gettext_noop("Part of a name.")),
) -> dict[str, Any]:
    project = lookup.find_project(request, project_id, Right.READ)
    page = paging.read(marker, maxitems, usual=400, most=400)
    functions = Function.objects.in_project(project)
    if package_name:
        functions = functions.filter(package=package_name)
    if func_name:
        functions = functions.filter(name__icontains=func_name)
    latest = Version.objects.alive().filter(function__in=functions, name=names.LATEST)
    ordered = latest.select_related(
        "function__project", "agency", "code", "vpc", "subnet"
    ).defer("code__content")
    ordered = ordered.order_by("-function__is_pinned", "function_id")
    found = page.of_rows(ordered)
    failures = _failures([version.function_id for version in found])
    listed = [
        config_of(version) | {"fail_count": failures.get(version.function_id, 0)}
        for version in found
    ]
    return {
        "functions": listed,
        "next_marker": page.after(len(listed)),
        "count": latest.count(),
    }


def _failures(function_ids: list[int]) -> dict[int, int]:
    """Count the failures of each function within a day."""
    since = clock.now() - timedelta(days=1)
    failed = Invocation.objects.filter(
        function__in=function_ids,
        status=Invocation.Status.FAIL,
        accepted_at__gte=since,
    )
    counted = failed.order_by().values_list("function").annotate(Count("pk"))
    return dict(counted.values_list("function", "pk__count"))


@router.delete(
    "/{function_urn}",
    operation_id="DeleteFunction",
    summary=gettext_noop("Delete a function, or one of its versions"),
    response={204: None},
)
def delete(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> Status[Any]:
    """Without a qualifier the function goes, else that version and its alias."""
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    has_qualifier = function_urn.count(":") in (3, 7)
    if has_qualifier:
        removing.delete_version(named.own_version(), with_alias=True)
    else:
        removing.delete_function(named.function)
    return Status(204, None)


@router.get(
    "/{function_urn}/config",
    operation_id="ShowFunctionConfig",
    summary=gettext_noop("Show a function's settings"),
    response={200: FunctionConfig},
    exclude_none=True,
)
def show(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    return config_of(named.version)


@router.put(
    "/{function_urn}/config",
    operation_id="UpdateFunctionConfig",
    summary=gettext_noop("Change latest's settings"),
    response={200: FunctionConfig},
    exclude_none=True,
)
def update(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: FunctionChange
) -> dict[str, Any]:
    """What the body leaves out stays as it is."""
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    version = named.own_version()
    form = DefinitionForm(
        _stored(version) | _fields(body),
        project=named.function.project,
        version=version,
    )
    if not form.is_valid():
        raise refuse(form, CODES, names=FORM_NAMES)
    echoed = version.echoed | body.echoed()
    strategy = body.strategy_config
    if strategy and strategy.concurrent_num is not None:
        echoed["concurrent_num"] = strategy.concurrent_num
    check_echoed(echoed)
    with transaction.atomic():
        if strategy and strategy.concurrency is not None:
            set_limit(named.function, strategy.concurrency)
        creating.configure(version, **form.cleaned_data, echoed=echoed)
    return config_of(lookup.NamedFunction(named.function, version.name).version)


def _stored(version: Version) -> dict[str, Any]:
    return {
        "runtime": version.runtime,
        "handler": version.handler,
        "timeout": version.timeout,
        "memory_size": version.memory_size,
        "agency": version.agency.name if version.agency else "",
        "vpc": str(version.vpc.vpc_id) if version.vpc else "",
        "subnet": str(version.subnet.subnet_id) if version.subnet else "",
        "description": version.description,
        "user_data": _compact(version.user_data),
        "encrypted_user_data": _compact(version.encrypted_user_data),
        "initializer_handler": version.initializer_handler,
        "initializer_timeout": version.initializer_timeout,
        "network": version.network,
    }


def _compact(variables: dict[str, str]) -> str:
    """Write variables so that they are never longer than they were sent."""
    return json.dumps(variables, ensure_ascii=False, separators=(",", ":"))


def set_limit(function: Function, number: int) -> None:
    """Limit how many run at once; 0 disables the function."""
    if not -1 <= number <= 1000:
        raise ApiError(
            400,
            "FSS.1026",
            _("Enter a number from −1 to 1000: −1 is no limit, 0 disables."),
        )
    if number == 0:
        removing.disable_function(function)
    else:
        creating.set_max_instances(function, number)


@router.put(
    "/{function_urn}/config-max-instance",
    operation_id="UpdateFunctionMaxInstanceConfig",
    summary=gettext_noop("Limit how many run at once; 0 disables"),
    response={200: FunctionConfig},
    exclude_none=True,
)
def limit(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: MaxInstances
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    if body.max_instance_num is not None:
        set_limit(named.function, body.max_instance_num)
    return config_of(named.version)


@router.put(
    "/{function_urn}/collect/{state}",
    operation_id="UpdateFunctionCollectState",
    summary=gettext_noop("Pin a function to the top of the list, or unpin it"),
    response={200: None},
)
def pin(
    request: HttpRequest, project_id: Path[str], function_urn: str, state: str
) -> Status[Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    if state not in ("true", "false"):
        raise ApiError(400, "FSS.0400", _("state: write true or false."))
    named.function.is_pinned = state == "true"
    named.function.save(update_fields=["is_pinned"])
    return Status(200, None)
