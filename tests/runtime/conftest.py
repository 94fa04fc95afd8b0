"""A pool for each test; whatever it started is gone afterwards."""

import pytest

from functions.runtime import Pool


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
    return make_pool()
