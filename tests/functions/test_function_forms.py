"""What the form of a function's settings takes together."""

import pytest

from functions.forms import GeneralForm


@pytest.mark.parametrize("seconds", ["0", "", "301"])
def test_a_time_for_no_initializer_is_not_in_the_way(seconds):
    told = {"handler": "index.handler", "timeout": "3", "memory_size": "128"}
    told |= {"initializer_handler": "", "initializer_timeout": seconds}

    without = GeneralForm(told)
    with_one = GeneralForm(told | {"initializer_handler": "index.start"})

    assert without.is_valid()
    assert without.cleaned_data["initializer_timeout"] == 3
    assert list(with_one.errors) == ["initializer_timeout"]
