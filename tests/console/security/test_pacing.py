"""What may be done so many times a minute."""

import pytest

from asyncconfig import clock
from asyncconfig.exceptions import Throttled
from console.security import limits

pytestmark = pytest.mark.django_db


def test_a_minutes_count_does_not_outlive_the_minute():
    limits.count("probe", "1", most=2)
    clock.shift(50)
    limits.count("probe", "1", most=2)
    with pytest.raises(Throttled) as refused:
        limits.count("probe", "1", most=2)
    clock.shift(11)

    limits.count("probe", "1", most=2)
    assert refused.value.seconds == 10
