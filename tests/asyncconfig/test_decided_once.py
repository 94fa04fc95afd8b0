"""What the API, the pages and the workers have to agree on is decided in one place."""

import pytest

from asyncconfig.decisions.endings import Condition, Ending
from asyncconfig.decisions.sides import Side
from asyncconfig.invocations import finishing
from asyncconfig.models import AsyncConfig, Invocation
from asyncconfig.models.delivery import SIDES
from tests.support.factories import accept, make_config, make_function

FINAL = [str(status) for status in Invocation.FINAL]


@pytest.mark.parametrize("status", FINAL)
def test_each_end_is_told_on_one_side(status):
    side = Side.after(status)

    assert {side, side.other} == set(Side)
    assert (side is Side.SUCCESS) == (status == "SUCCESS")


def test_rows_know_every_side():
    assert [value for value, _label in SIDES] == list(Side)


@pytest.mark.engine
@pytest.mark.django_db
@pytest.mark.parametrize("status", FINAL)
def test_what_is_owed_is_what_the_configuration_says_of_that_side(status):
    function = make_function()
    told = {"on_success": make_function("good"), "on_failure": make_function("bad")}
    config = make_config(function, **told)
    asked = accept(function)
    asked.refresh_from_db()
    ending = Ending(status, Condition.UNHANDLED, 0, 200, "")

    finishing.finish(asked, ending, now=asked.accepted_at)

    chosen = AsyncConfig.objects.get(pk=config.pk).destination(Side.after(status))
    assert (asked.delivery.side, asked.delivery.target) == (
        Side.after(status),
        chosen.target,
    )
