"""What may be done so many times a minute."""

import pytest

from asyncconfig import clock
from asyncconfig.exceptions import Throttled
from console import pacing

pytestmark = pytest.mark.django_db


def test_a_minutes_count_does_not_outlive_the_minute():
    pacing.count("probe", "1", most=2)
    clock.shift(50)
    pacing.count("probe", "1", most=2)
    with pytest.raises(Throttled) as refused:
        pacing.count("probe", "1", most=2)
    clock.shift(11)

    pacing.count("probe", "1", most=2)
    assert refused.value.seconds == 10
