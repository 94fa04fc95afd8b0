"""Several people configure one version at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from asyncconfig.config import saving
from asyncconfig.exceptions import Conflict
from asyncconfig.models import AsyncConfig
from asyncconfig.wanted import Wanted
from tests.support.factories import latest, make_function

SAVERS, TIMES = 4, 5


@pytest.fixture
def version(transactional_db):
    if connection.vendor == "sqlite":
        pytest.skip("in memory SQLite knows no waiting; on disk one waits for another")
    return latest(make_function())


def save_at_once(version, **fields):
    """Let several save several times each; return how many were told of a conflict."""

    def save(number):
        try:
            saving.save(version, Wanted(max_retries=number % 4), by=None, **fields)
        except Conflict:
            return True
        finally:
            connection.close()
        return False

    with ThreadPoolExecutor(SAVERS) as pool:
        return sum(pool.map(save, range(SAVERS * TIMES)))


def test_who_expects_nothing_replaces_whatever_is_there(version):
    conflicts = save_at_once(version)

    numbers = AsyncConfig.objects.order_by("number").values_list("number", flat=True)
    assert conflicts == 0
    assert list(numbers) == list(range(1, SAVERS * TIMES + 1))
    assert AsyncConfig.objects.current().get().number == SAVERS * TIMES


def test_of_those_who_saw_the_same_one_saves(version):
    conflicts = save_at_once(version, expected=0)

    assert conflicts == SAVERS * TIMES - 1
    assert AsyncConfig.objects.get().number == 1
