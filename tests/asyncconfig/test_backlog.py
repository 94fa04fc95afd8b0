"""Counting what is owed reads nothing of what has arrived."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from asyncconfig.reports import backlog
from tests.support.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(connection.vendor != "sqlite", reason="its plans depend on size")
@pytest.mark.parametrize("of_one", [True, False])
def test_what_is_owed_is_counted_from_the_indexes_of_it(of_one):
    project = make_project()
    with CaptureQueriesContext(connection) as asked:
        if of_one:
            backlog.of_target(project, "OBS", "logs")
        else:
            backlog.by_target()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + asked[0]["sql"])
        plan = "\n".join(row[-1] for row in cursor.fetchall())

    assert len(asked) == 1
    assert "delivery_due" in plan
    assert "delivery_dead_letters" in plan
    # Both indexes by worker hold the same rows: only what is being sent has one.
    assert of_one or "delivery_held" in plan or "delivery_of_worker" in plan
    assert not [
        line
        for line in plan.splitlines()
        if "SCAN" in line and "delivery" in line and "delivery_of_target_key" in line
    ]
