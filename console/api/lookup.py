"""Find what a path names; other projects' things do not exist."""

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from console import access
from console.access import Right
from console.api.errors import ApiError
from functions import names, qualifiers
from functions.models import Function, Project, Version


@dataclass(frozen=True)
class NamedFunction:
    """A function that a URN names, and the qualifier that the URN gives."""

    function: Function
    qualifier: str

    @cached_property
    def version(self) -> Version:
        """The version; an alias shows the one it points at. 404 for unknown ones."""
        return qualifiers.find(self.function, self.qualifier)

    def own_version(self) -> Version:
        """The version itself; an alias, which has no settings, is refused."""
        if self.qualifier.startswith("!"):
            raise ApiError(
                400,
                "FSS.1309",
                _("An alias has no settings of its own. Name its version."),
            )
        return self.version


def find_project(request: HttpRequest, project_id: str, right: Right) -> Project:
    """Return the project of the path when the caller is a member with the right."""
    projects = Project.objects.of(request.user)
    found = projects.filter(project_id=project_id).first()
    if found is None:
        raise ApiError(
            404,
            "FSS.0404",
            _("Project %(id)s does not exist. Put your project ID into the path.")
            % {"id": project_id},
        )
    access.require(request.user, right)
    return found


def find_function(
    request: HttpRequest, project_id: str, urn: str, right: Right
) -> NamedFunction:
    """Return the function that a URN, or a short form of one, names."""
    project = find_project(request, project_id, Right.READ)
    parsed = names.parse_urn(urn, region=settings.REGION, project=project_id)
    if parsed is None:
        raise ApiError(
            400,
            "FSS.1309",
            _("Invalid function URN. Write urn:fss:region:project:function:app:name."),
        )
    if parsed.region != settings.REGION:
        raise ApiError(
            404,
            "FSS.1051",
            _("This server is region %(own)s; the URN names %(other)s.")
            % {"own": settings.REGION, "other": parsed.region},
        )
    functions = Function.objects.in_project(project).select_related("project")
    found = functions.filter(package=parsed.package, name=parsed.function).first()
    if found is None or parsed.project != project_id:
        raise ApiError(
            404,
            "FSS.1051",
            _("Function %(name)s does not exist.") % {"name": parsed.function},
        )
    access.require(request.user, right)
    return NamedFunction(found, parsed.qualifier)
