"""How often the engine asks the database, for a request and for a batch of them."""

import pytest

from tests.support.factories import accept, make_config, make_function

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


@pytest.fixture
def function(engine):
    """A function that another hears of; all that is kept from the first run is kept."""
    made = make_function()
    make_config(made, on_success=make_function())
    accept(made)
    engine.run()
    return made


def test_a_request_is_accepted_with_a_fixed_number_of_queries(function, asks):
    with asks(5):
        accept(function)


@pytest.mark.parametrize("requests", [1, 8])
def test_claiming_takes_one_more_query_for_each_request(
    engine, function, requests, asks
):
    for _request in range(requests):
        accept(function)
    engine.worker(engine.invoke)

    with asks(8 + requests):
        claims = engine.claim()

    assert len(claims) == requests


@pytest.mark.parametrize("requests", [1, 8])
def test_settling_takes_three_more_queries_for_each_request(
    engine, function, requests, asks
):
    for _request in range(requests):
        accept(function)
    done = [(claim, engine.invoke.run(claim)) for claim in engine.claim()]

    with asks(5 + 3 * requests):
        engine.settle(done)
