"""A pool for each test; whatever it started is gone afterwards."""

import pytest

from functions.runtime import Pool
from tests.runtime import specs


@pytest.fixture(autouse=True)
def _strangers():
    """Leave out of every count what was there before the test."""
    specs.strangers.clear()
    specs.strangers.update(specs.descendants())


@pytest.fixture
def make_pool(tmp_path):
    made = []

    def make(**settings):
        made.append(Pool(**{"root": tmp_path / "runtime"} | settings))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
def pool(make_pool):
    """A pool that confines its instances as well as this host allows."""
    return make_pool()


@pytest.fixture
def unconfined(make_pool):
    """A pool whose instances may do to the host's files and processes what we may."""
    return make_pool(highest_level=0)
