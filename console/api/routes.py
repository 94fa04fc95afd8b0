"""Where each operation lives."""

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from console.api import (
    absent,
    aliases,
    async_config,
    calls,
    code,
    dis,
    errors,
    events,
    functions,
    iam,
    logs,
    records,
    runtimes,
    smn,
    statistics,
    tags,
    transfer,
    versions,
)
from console.api.service import api

PROJECT = "/v2/{project_id}"
FUNCTIONS = f"{PROJECT}/fgs/functions"

# Fixed words before {function_urn}: the first pattern that fits is taken.
api.add_router(f"{PROJECT}/fgs", statistics.router)
api.add_router(f"{PROJECT}/fgs", runtimes.router)
api.add_router(f"{PROJECT}/fgs", absent.router)
for module in (
    logs,
    transfer,
    calls,
    functions,
    code,
    versions,
    aliases,
    async_config,
    records,
    events,
):
    api.add_router(FUNCTIONS, module.router)
api.add_router(PROJECT, logs.groups)
# A stream may be called "tags".
api.add_router(PROJECT, dis.router)
api.add_router(PROJECT, tags.router)
api.add_router(f"{PROJECT}/notifications", smn.router)
api.add_router("/rest/v2/notifications", smn.open_router)
api.add_router("/v3", iam.router)


def fits_by_chance(match: ResolverMatch) -> bool:
    """Say whether an address is one only because a pattern takes any word there."""
    named = match.kwargs
    is_last = match.route.endswith("function_urn>")
    is_urn = str(named.get("function_urn", "")).startswith("urn:")
    is_other = named.get("resource_type", "functions") != "functions"
    return is_other or (is_last and not is_urn)


@csrf_exempt
def missing(request: HttpRequest) -> HttpResponse:
    """Name an endpoint that is not one of the API's."""
    sentence = _("%(method)s %(path)s is not an endpoint of this server.")
    params = {"method": request.method, "path": request.path}
    return errors.answer(404, "FSS.0404", sentence % params)


urlpatterns = [
    path("", api.urls),
    re_path(r"^(?:v[123]|rest/v2)/", missing),
]
