"""A person at the pages, and the project they work in."""

import pytest

from console import access
from tests.factories import make_project, make_user


@pytest.fixture
def project(db):
    return make_project()


@pytest.fixture
def pages(client, project):
    """An administrator's browser, in English."""
    client.force_login(make_user(group=access.ADMINISTRATOR, project=project))
    client.cookies["django_language"] = "en"
    return client
