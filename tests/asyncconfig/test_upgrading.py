"""What older installations stored, after the migrations."""

from importlib import import_module

import pytest
from django.apps import apps

from asyncconfig.models import AsyncConfig, Delivery
from tests.support.factories import accept, make_config, make_function

pytestmark = pytest.mark.django_db


def test_what_was_owed_before_places_belongs_to_the_same_target(engine):
    told, others = make_function("told"), make_function("told", package="others")
    for target in (told, others):
        teller = make_function()
        make_config(teller, on_success=target)
        accept(teller)
    engine.run()
    places = list(Delivery.objects.order_by("pk").values_list("place", flat=True))
    configured = AsyncConfig.objects.order_by("pk")
    told_places = list(configured.values_list("on_success_place", flat=True))
    Delivery.objects.update(place="")
    AsyncConfig.objects.update(on_success_place="")

    import_module("asyncconfig.migrations.0004_places").name_places(apps, None)

    assert list(Delivery.objects.order_by("pk").values_list("place", flat=True)) == (
        places
    )
    assert list(configured.values_list("on_success_place", flat=True)) == told_places
