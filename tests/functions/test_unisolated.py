"""A worker whose host confines user code by nothing runs none of it by itself."""

import pytest

from tests.support.engine import Engine
from tests.support.factories import accept, make_function


@pytest.fixture
def engine(db, settings, tmp_path):
    settings.RUNTIME_DIR = tmp_path / "runtime"
    settings.ISOLATION_LEVEL = 0
    made = Engine()
    yield made
    made.close()


def test_code_that_nothing_confines_waits(engine, settings):
    invocation = accept(make_function())

    engine.run()
    invocation.refresh_from_db()
    waited = invocation.status
    settings.ALLOW_UNISOLATED = True
    engine.run()

    invocation.refresh_from_db()
    assert (waited, invocation.status) == ("WAIT", "SUCCESS")
