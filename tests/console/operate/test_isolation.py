"""Pages say how user code is isolated where that is not enough."""

import pytest
from django.urls import reverse

from asyncconfig.models import Worker
from asyncconfig.worker import leases
from console.installation import isolation

LEVEL_1 = "User code is isolated at level 1"
NOT_AT_ALL = "User code is not isolated"
NOTHING_RUNS = "No function runs on"


@pytest.mark.parametrize(
    ("level", "allowed", "said"),
    [
        (3, False, ""),
        (2, False, ""),
        (1, False, LEVEL_1),
        (0, True, NOT_AT_ALL),
        (0, False, NOTHING_RUNS),
        (None, False, ""),
    ],
)
def test_every_page_says_what_isolation_leaves_open(
    pages, settings, level, allowed, said
):
    settings.ALLOW_UNISOLATED = allowed
    leases.register("invoke", slots=1, isolation_level=3)
    leases.register("invoke", slots=1, isolation_level=level)

    page = pages.get(reverse("functions")).text

    for sentence in (LEVEL_1, NOT_AT_ALL, NOTHING_RUNS):
        assert (sentence in page) == (sentence == said)


def test_a_worker_that_left_is_not_warned_of(pages):
    leases.sign_off(leases.register("invoke", slots=1, isolation_level=1))

    assert LEVEL_1 not in pages.get(reverse("functions")).text


def test_operators_see_level_landlock_and_cgroups(admin_client):
    leases.register("invoke", slots=1, isolation_level=3, landlock=7, has_cgroups=True)

    health = admin_client.get(reverse("operator-health")).text
    listed = admin_client.get(reverse("admin:asyncconfig_worker_changelist")).text

    assert "Isolation of user code" in health
    assert "Landlock ABI" in health
    assert "Landlock ABI" in listed


def test_a_worker_writes_how_it_isolates(engine):
    engine.run()
    engine.worker(engine.invoke)

    row = Worker.objects.get(queue="invoke")

    found = engine.invoke._runner.isolation
    told = (row.isolation_level, row.landlock, row.has_cgroups)
    assert told == (found.level, found.landlock, found.cgroups)
    isolation.noted.forget()
