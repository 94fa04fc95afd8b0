"""What a service elsewhere answers is hostile, too, and must not spoil a batch."""

import pytest

from asyncconfig.destinations import KINDS
from asyncconfig.models import Delivery, DeliveryAttempt
from asyncconfig.receipt import Receipt
from tests.factories import accept, configure_stream, make_function, make_stream

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("reference", ["r" * 5000, "a\x00b", "\ud800"])
def test_a_strange_reference_is_kept_as_far_as_it_goes(engine, monkeypatch, reference):
    function = make_function()
    make_stream(project=function.project)
    configure_stream(function, on="on_success")
    monkeypatch.setattr(
        KINDS["DIS"], "send", lambda _parcel: Receipt("Put.", reference)
    )
    accept(function)
    engine.run()

    delivery = Delivery.objects.get()
    assert delivery.status == Delivery.Status.DELIVERED
    assert DeliveryAttempt.objects.count() == 1
    assert delivery.reference
    assert "\x00" not in delivery.reference
    assert len(delivery.reference) <= 1100
