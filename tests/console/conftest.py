"""A person at the pages, and the project they work in."""

import pytest

from console import access
from console.models import AccessKey
from tests.support.factories import make_project, make_user
from tests.support.signer import Signer


@pytest.fixture
def project(db):
    return make_project()


@pytest.fixture
def pages(client, project):
    """An administrator's browser, in English."""
    client.force_login(make_user(group=access.ADMINISTRATOR, project=project))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def caller(db):
    project = make_project()
    user = make_user("caller", project=project, group="FunctionGraph Administrator")
    return user, project, AccessKey.objects.create(user=user)


@pytest.fixture
def signer(client, caller):
    return Signer(client, caller[2])


@pytest.fixture
def functions_url(caller):
    return f"/v2/{caller[1].project_id}/fgs/functions"
