"""The balance names states as every other page does."""

import pytest

from tests.support.factories import accept, make_function, make_user
from tests.support.html import squeezed

pytestmark = pytest.mark.django_db


def test_no_state_is_shown_as_the_database_calls_it(client):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "zh-hans"
    accept(make_function())

    page = client.get("/operator/balance").content.decode()
    main = page[page.index("<main") : page.index("</main")]

    assert "等待" in main
    assert not [word for word in ("WAIT", "SUCCESS", "DISCARD") if word in main]
    assert '<span class="ok">✓</span>= 1' in squeezed(main)
