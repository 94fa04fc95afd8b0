"""What a stranger may write where a whole number is asked for."""

import pytest

from functions.forms.base import whole


@pytest.mark.parametrize("text", ["", " 1", "-1", "+1", "1.0", "1e3", "٣", "²", "x"])
def test_what_is_no_whole_number_is_not_read_as_one(text):
    assert whole(text) is None


def test_a_number_that_fits_no_column_is_none():
    assert whole("9" * 18) == 10**18 - 1
    assert whole("9" * 19) is None
    assert whole("9" * 19, digits=19) == 10**19 - 1
