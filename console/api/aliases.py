"""Operations on aliases."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import Path, Router, Schema, Status
from pydantic import Field

from console.access import Right
from console.api import lookup
from console.api.errors import ApiError, refuse
from console.api.shapes.function_shapes import plain_time
from functions import aliases
from functions.aliases import Split
from functions.forms import AliasForm
from functions.models import Alias, Function

router = Router(tags=["alias"])
CODES = {
    "name": "FSS.1014",
    "version": "404 FSS.1052",
    "description": "FSS.1019",
}
WEIGHTS = Field(
    None,
    description="A share (%) of the calls for another version.",
    examples=[{"v2": 20}],
)
STRATEGY = Field(
    None,
    description=(
        "Instead of weights: rules on request headers, as {version: {combine_type: "
        "and|or, rules: [{rule_type: Header, param, op: =|in, value}]}}."
    ),
)


class AliasChange(Schema):
    version: str = Field(examples=["v1"])
    description: str = ""
    additional_version_weights: dict[str, int] | None = WEIGHTS
    additional_version_strategy: dict[str, Any] | None = STRATEGY

    def split(self) -> Split:
        return Split(
            weights=self.additional_version_weights or {},
            strategy=self.additional_version_strategy or {},
        )


class NewAlias(AliasChange):
    name: str = Field(examples=["prod"])


class AliasConfig(Schema):
    name: str
    version: str
    description: str
    last_modified: str
    alias_urn: str
    additional_version_weights: dict[str, int] | None = None
    additional_version_strategy: dict[str, Any] | None = None


def _alias(alias: Alias, function: Function) -> dict[str, Any]:
    return {
        "name": alias.name,
        "version": alias.version.name,
        "description": alias.description,
        "last_modified": plain_time(alias.modified_at),
        "alias_urn": function.urn(f"!{alias.name}"),
        "additional_version_weights": alias.additional_weights or None,
        "additional_version_strategy": alias.additional_strategy or None,
    }


def _checked(body: AliasChange, function: Function, name: str) -> dict[str, Any]:
    """Return the body's fields after the form that the pages use has seen them."""
    data = {"name": name, "version": body.version, "description": body.description}
    form = AliasForm(data, function=function)
    if not form.is_valid():
        raise refuse(form, CODES)
    return {
        "version": form.cleaned_data["version"],
        "description": form.cleaned_data["description"],
        "split": body.split(),
    }


def _find(function: Function, name: str) -> Alias:
    found = function.aliases.select_related("version").filter(name=name).first()
    if found is None:
        raise ApiError(
            404, "FSS.1053", _("There is no alias %(name)s.") % {"name": name}
        )
    return found


@router.post(
    "/{function_urn}/aliases",
    operation_id="CreateVersionAlias",
    summary=gettext_noop("Create an alias"),
    response={200: AliasConfig},
    exclude_none=True,
)
def create(
    request: HttpRequest, project_id: Path[str], function_urn: str, body: NewAlias
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    wanted = _checked(body, named.function, body.name)
    return _alias(aliases.create(named.function, body.name, **wanted), named.function)


@router.get(
    "/{function_urn}/aliases",
    operation_id="ListVersionAliases",
    summary=gettext_noop("List aliases"),
    response={200: list[AliasConfig]},
    exclude_none=True,
)
def index(
    request: HttpRequest, project_id: Path[str], function_urn: str
) -> list[dict[str, Any]]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    found = named.function.aliases.select_related("version").order_by("name")
    return [_alias(alias, named.function) for alias in found]


@router.get(
    "/{function_urn}/aliases/{name}",
    operation_id="ShowVersionAlias",
    summary=gettext_noop("Show an alias"),
    response={200: AliasConfig},
    exclude_none=True,
)
def show(
    request: HttpRequest, project_id: Path[str], function_urn: str, name: str
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.READ)
    return _alias(_find(named.function, name), named.function)


@router.put(
    "/{function_urn}/aliases/{name}",
    operation_id="UpdateVersionAlias",
    summary=gettext_noop("Point an alias elsewhere"),
    response={200: AliasConfig},
    exclude_none=True,
)
def update(
    request: HttpRequest,
    project_id: Path[str],
    function_urn: str,
    name: str,
    body: AliasChange,
) -> dict[str, Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    alias = _find(named.function, name)
    wanted = _checked(body, named.function, name)
    return _alias(aliases.point(alias, **wanted), named.function)


@router.delete(
    "/{function_urn}/aliases/{name}",
    operation_id="DeleteVersionAlias",
    summary=gettext_noop("Delete an alias"),
    response={204: None},
)
def delete(
    request: HttpRequest, project_id: Path[str], function_urn: str, name: str
) -> Status[Any]:
    named = lookup.find_function(request, project_id, function_urn, Right.CONFIGURE)
    _find(named.function, name).delete()
    return Status(204, None)
