"""Operations on versions."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema
from pydantic import Field

from asyncconfig import clock
from asyncconfig.config import saving
from asyncconfig.models import AsyncConfig
from console import access
from console.access import Right
from console.api import async_config, lookup, paging
from console.api.errors import refuse
from console.api.shapes.function_shapes import FunctionConfig, config_of
from functions import names, publishing
from functions.forms import VersionForm
from functions.models import Version

router = Router(tags=["version"])
CODES = {"name": "FSS.1015", "description": "FSS.1019"}


class NewVersion(Schema):
    version: str = Field(
        "", description="Left empty, it is named after the time.", examples=["v1"]
    )
    description: str = ""
    digest: str | None = Field(None, description="Ignored.")


class VersionConfig(FunctionConfig):
    function_async_config: async_config.VersionAsyncConfig | None = None
    concurrency: int
    concurrent_num: int


class VersionList(Schema):
    versions: list[VersionConfig]
    next_marker: int = Field(description=paging.NEXT)
    count: int


def _version(version: Version, config: AsyncConfig | None) -> dict[str, Any]:
    told = config_of(version)
    strategy = told["strategy_config"]
    return told | {
        "concurrency": strategy["concurrency"],
        "concurrent_num": strategy["concurrent_num"],
        "function_async_config": config and async_config.in_version(config),
    }


@router.post(
    "/{function_urn}/versions",
    operation_id="CreateFunctionVersion",
    summary=gettext_noop("Publish latest as a version"),
    response={200: VersionConfig},
    exclude_none=True,
)
def publish(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: NewVersion
) -> dict[str, Any]:
    """The async configuration of latest is published with it."""
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    form = VersionForm({"name": body.version, "description": body.description})
    if not form.is_valid():
        raise refuse(form, CODES, names={"name": "version"})
    by = access.person(request)
    latest = lookup.NamedFunction(named.function, names.LATEST).version
    with transaction.atomic():
        published = publishing.publish(
            named.function, **form.cleaned_data, now=clock.now()
        )
        saving.copy(latest, published, by=by)
    version = lookup.NamedFunction(named.function, published.name).version
    return _version(version, AsyncConfig.objects.for_version(version))


@router.get(
    "/{function_urn}/versions",
    operation_id="ListFunctionVersions",
    summary=gettext_noop("List versions"),
    response={200: VersionList},
    exclude_none=True,
)
def index(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    marker: str = "0",
    maxitems: str = "400",
) -> dict[str, Any]:
    """latest comes first, then the newest."""
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    page = paging.read(marker, maxitems, usual=400, most=400)
    versions = Version.objects.alive().filter(function=named.function)
    related = versions.select_related(
        "function__project", "agency", "code", "vpc", "subnet"
    )
    ordered = list(related.defer("code__content").order_by("-pk"))
    ordered.sort(key=lambda version: not version.is_latest)
    shown = page.of(ordered)
    current = AsyncConfig.objects.current().filter(version__in=shown)
    configs = {config.version_id: config for config in current}
    return {
        "versions": [_version(one, configs.get(one.pk)) for one in shown],
        "next_marker": page.after(len(shown)),
        "count": len(ordered),
    }
