"""Operations on asynchronous invocation configurations."""

import logging
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from pydantic import Field

from asyncconfig import graph
from asyncconfig.config import rights, saving
from asyncconfig.config.forms import PolicyForm
from asyncconfig.decisions import loops
from asyncconfig.decisions.loops import Verdict
from asyncconfig.decisions.sides import Side
from asyncconfig.destinations import KINDS
from asyncconfig.models import AsyncConfig
from asyncconfig.models.config import (
    DEFAULT_AGE_SECONDS,
    DEFAULT_RETRIES,
    MAX_AGE_SECONDS,
    MAX_RETRIES,
)
from asyncconfig.wanted import NOBODY, Destined, Wanted
from console import access
from console.access import Right
from console.api import lookup, paging
from console.api.errors import ApiError, loops_refused, refuse
from console.api.shapes.function_shapes import full_time
from functions.models import Version

logger = logging.getLogger(__name__)
router = Router(tags=["async-invoke-config"])
FORM_NAMES = {
    "max_retries": "max_async_retry_attempts",
    "max_age_seconds": "max_async_event_age_in_seconds",
}


class DestinationConfig(Schema):
    """Who is told: a kind, and its parameters as a string of JSON."""

    destination: str = Field("", examples=["FunctionGraph"])
    param: str = Field("", examples=['{"func_urn":"urn:fss:…"}'])


class Destinations(Schema):
    on_success: DestinationConfig | None = None
    on_failure: DestinationConfig | None = None


class NewAsyncConfig(Schema):
    """The whole configuration; what is left out falls back to its default."""

    max_async_event_age_in_seconds: int | None = Field(
        None,
        description=f"Default {DEFAULT_AGE_SECONDS}.",
        json_schema_extra={"minimum": 1, "maximum": MAX_AGE_SECONDS},
        examples=[DEFAULT_AGE_SECONDS],
    )
    max_async_retry_attempts: int | None = Field(
        None,
        description=f"Default {DEFAULT_RETRIES}.",
        json_schema_extra={"minimum": 0, "maximum": MAX_RETRIES},
        examples=[DEFAULT_RETRIES],
    )
    destination_config: Destinations | None = Field(
        None,
        examples=[
            {
                "on_failure": {
                    "destination": "FunctionGraph",
                    "param": '{"func_urn":"urn:fss:…"}',
                }
            }
        ],
    )
    enable_async_status_log: bool | None = None
    log_group_id: str | None = Field(None, description="Not kept.")
    log_group_name: str | None = Field(None, description="Not kept.")
    log_stream_id: str | None = Field(None, description="Not kept.")
    log_stream_name: str | None = Field(None, description="Not kept.")


class VersionAsyncConfig(Schema):
    max_async_event_age_in_seconds: int
    max_async_retry_attempts: int
    destination_config: Destinations
    created_time: str
    last_modified: str


class AsyncInvokeConfig(VersionAsyncConfig):
    func_urn: str
    enable_async_status_log: bool


class AsyncConfigList(Schema):
    async_invoke_configs: list[AsyncInvokeConfig]
    count: int
    page_info: paging.PageInfo


def in_version(config: AsyncConfig) -> dict[str, Any]:
    """Return a configuration as version objects show it."""
    told = {}
    for side in Side:
        chosen = config.destination(side)
        if chosen.kind:
            told[f"on_{side}"] = {"destination": chosen.kind, "param": chosen.param}
    return {
        "max_async_event_age_in_seconds": config.max_age_seconds,
        "max_async_retry_attempts": config.max_retries,
        "destination_config": told,
        "created_time": full_time(config.first_created_at),
        "last_modified": full_time(config.created_at),
    }


def _whole(config: AsyncConfig, version: Version) -> dict[str, Any]:
    return in_version(config) | {
        "func_urn": version.urn,
        "enable_async_status_log": config.record_status,
    }


def _current(version: Version) -> AsyncConfig:
    found = AsyncConfig.objects.for_version(version)
    if found is None:
        raise ApiError(
            404,
            "FSS.0404",
            _("Version %(name)s has no async configuration.") % {"name": version.name},
        )
    return found


@router.get(
    "/{function_urn}/async-invoke-config",
    operation_id="ShowFunctionAsyncInvokeConfig",
    summary=gettext_noop("Show a version's async configuration"),
    response={200: AsyncInvokeConfig},
    exclude_none=True,
)
def show(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    version = named.own_version()
    return _whole(_current(version), version)


@router.put(
    "/{function_urn}/async-invoke-config",
    operation_id="UpdateFunctionAsyncInvokeConfig",
    summary=gettext_noop("Create or replace a version's async configuration"),
    response={200: AsyncInvokeConfig},
    exclude_none=True,
)
def update(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: NewAsyncConfig
) -> dict[str, Any]:
    """Loops are allowed as the cloud allows them, unless ASYNC_LOOPS is refuse."""
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    version = named.own_version()
    told = body.destination_config or Destinations()
    wanted = Wanted(
        **_policy(body),
        on_success=_destined(version, Side.SUCCESS, told.on_success),
        on_failure=_destined(version, Side.FAILURE, told.on_failure),
    )
    wanted = _looked_at_for_loops(version, wanted)
    by = access.person(request)
    return _whole(saving.save(version, wanted, by=by), version)


def _policy(body: NewAsyncConfig) -> dict[str, Any]:
    sent = {
        "max_retries": body.max_async_retry_attempts,
        "max_age_seconds": body.max_async_event_age_in_seconds,
        "record_status": body.enable_async_status_log,
    }
    usual = {"max_retries": DEFAULT_RETRIES, "max_age_seconds": DEFAULT_AGE_SECONDS}
    form = PolicyForm(usual | {k: v for k, v in sent.items() if v is not None})
    if not form.is_valid():
        raise refuse(form, {}, names=FORM_NAMES)
    return form.cleaned_data


def _destined(version: Version, side: Side, sent: DestinationConfig | None) -> Destined:
    if sent is None or not sent.destination:
        return NOBODY
    try:
        return saving.destine(version, side, sent.destination, sent.param)
    except ValidationError as error:
        is_refused = getattr(error, "code", "") == "agency"
        status, code = (403, "FSS.1122") if is_refused else (400, "FSS.0400")
        sentence = " ".join(error.messages)
        if is_refused:
            needed = [KINDS[sent.destination].action]
            policy = rights.smallest_policy(needed, indent=None)
            sentence += " " + _("The smallest policy: %(policy)s") % {"policy": policy}
        raise ApiError(status, code, f"on_{side}: {sentence}") from error


def _looked_at_for_loops(version: Version, wanted: Wanted) -> Wanted:
    paths = graph.loops_of(version, wanted)
    match graph.judge(paths, accepted=None):
        case Verdict.NO_LOOP:
            return wanted
        case Verdict.REFUSED:
            raise loops_refused(paths)
    logger.warning("A loop was configured over the API: %s.", loops.all_in_line(paths))
    return graph.accepting_loops(wanted, paths)


@router.delete(
    "/{function_urn}/async-invoke-config",
    operation_id="DeleteFunctionAsyncInvokeConfig",
    summary=gettext_noop("Remove a version's async configuration"),
    response={204: None},
)
def delete(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> Status[Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    version = named.own_version()
    by = access.person(request)
    if not saving.remove(version, by=by):
        _current(version)
    return Status(204, None)


@router.get(
    "/{function_urn}/async-invoke-configs",
    operation_id="ListFunctionAsyncInvokeConfig",
    summary=gettext_noop("List the async configurations of a function's versions"),
    response={200: AsyncConfigList},
    exclude_none=True,
)
def index(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    marker: str = "0",
    limit: str = "10",
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    page = paging.read(marker, limit, usual=10, most=100)
    configs = AsyncConfig.objects.current().filter(
        version__function=named.function, version__deleted_at=None
    )
    related = configs.select_related("version__function__project").order_by("version")
    shown = page.of_rows(related)
    return {
        "async_invoke_configs": [_whole(one, one.version) for one in shown],
        "count": configs.count(),
        "page_info": page.info(len(shown)),
    }
