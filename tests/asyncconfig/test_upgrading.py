"""What older installations stored, after the migrations."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from asyncconfig.models import (
    AsyncConfig,
    Delivery,
    Invocation,
    Message,
    MessageDelivery,
    MessageDeliveryAttempt,
)
from tests.support.factories import (
    accept,
    make_config,
    make_function,
    make_topic,
    subscribe,
)

pytestmark = pytest.mark.django_db(transaction=True)

RENAMED = (
    AsyncConfig,
    Delivery,
    Invocation,
    Message,
    MessageDelivery,
    MessageDeliveryAttempt,
)


@pytest.fixture
def move():
    """Move the tables to a migration of ours, and return the models of then."""

    def move(name):
        executor = MigrationExecutor(connection)
        targets = (
            [("asyncconfig", name)] if name else executor.loader.graph.leaf_nodes()
        )
        executor.migrate(targets)
        return executor.loader.project_state(targets).apps

    yield move
    move("")


def test_renamed_tables_and_columns_keep_every_row(engine, move):
    topic = make_topic()
    subscribe(topic, "functionstage", make_function("listener"))
    teller = make_function("teller")
    make_config(teller, on_success=topic)
    accept(teller)
    engine.run()
    rows = {model: list(model.objects.order_by("pk").values()) for model in RENAMED}
    assert all(rows.values())

    then = move("0009_asked_by")

    owed = then.get_model("asyncconfig", "Notification").objects.get()
    invocations = then.get_model("asyncconfig", "Invocation").objects
    assert owed.place == rows[MessageDelivery][0]["target_key"]
    assert invocations.filter(notification=owed, source=None).count() == 1

    move("")

    assert rows == {
        model: list(model.objects.order_by("pk").values()) for model in RENAMED
    }
    connection.check_constraints()


def test_nothing_in_the_tables_keeps_its_old_name(move):
    with connection.cursor() as cursor:
        found = {
            name
            for model in RENAMED
            for name, constraint in connection.introspection.get_constraints(
                cursor, model._meta.db_table
            ).items()
            if not name.startswith("asyncconfig_")
        }
    declared = {
        one.name
        for model in RENAMED
        for one in (*model._meta.indexes, *model._meta.constraints)
    }
    assert declared <= found
    assert not [name for name in found if "notification" in name or "place" in name]


def test_what_was_owed_before_places_belongs_to_the_same_target(engine, move):
    told, others = make_function("told"), make_function("told", package="others")
    for target in (told, others):
        teller = make_function()
        make_config(teller, on_success=target)
        accept(teller)
    engine.run()
    then = move("0009_asked_by")
    deliveries = then.get_model("asyncconfig", "Delivery").objects.order_by("pk")
    configs = then.get_model("asyncconfig", "AsyncConfig").objects.order_by("pk")
    places = list(deliveries.values_list("place", flat=True))
    configured = list(configs.values_list("on_success_place", flat=True))
    deliveries.update(place="")
    configs.update(on_success_place="")

    import_module("asyncconfig.migrations.0004_places").name_places(then, None)

    assert list(deliveries.values_list("place", flat=True)) == places
    assert list(configs.values_list("on_success_place", flat=True)) == configured
