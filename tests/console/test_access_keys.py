"""The page of a person's access keys: two at the most, a secret shown once."""

import pytest

from console import keys
from console.models import AccessKey

pytestmark = pytest.mark.django_db

FIELD = 'name="description"'


def test_a_third_key_is_not_asked_for(pages):
    first = pages.get("/access-keys/new").text
    for _one in range(keys.MAX_KEYS):
        pages.post("/access-keys/new")

    third = pages.get("/access-keys/new").text
    refused = pages.post("/access-keys/new")

    assert FIELD in first
    assert FIELD not in third
    assert "At most two keys. Delete one to create another.</p>" in third
    assert (refused.status_code, FIELD in refused.text) == (409, False)
    assert AccessKey.objects.count() == keys.MAX_KEYS


def test_the_secret_says_itself_what_leaving_loses(pages):
    created = pages.post("/access-keys/new").text

    assert 'data-leave-question="The secret can' in created
