"""Create a project with what every project has."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction

from functions.models import Agency, Project
from functions.models.agency import DEFAULT_AGENCY, INVOKE_ASYNC


@transaction.atomic
def create(name: str, *, members: Iterable[User] = ()) -> Project:
    """Create a project, its members and its default agency (invokeAsync)."""
    project = Project.objects.create(name=name)
    project.members.set(members)
    Agency.objects.create(project=project, name=DEFAULT_AGENCY, actions=[INVOKE_ASYNC])
    return project
