"""Circles between functions."""

import pytest

from asyncconfig import graph
from asyncconfig.decisions import loops
from asyncconfig.decisions.loops import Edge
from asyncconfig.decisions.sides import Side
from asyncconfig.services.topics import subscribing
from asyncconfig.wanted import Destined, Target, Wanted
from tests.support.factories import (
    function_destination,
    latest,
    make_config,
    make_function,
    make_project,
    make_topic,
    subscribe,
)

GRAPH = {
    "test2": [Edge(Side.FAILURE, "test1"), Edge(Side.SUCCESS, "test3")],
    "test3": [Edge(Side.SUCCESS, "test4")],
    "test4": [Edge(Side.SUCCESS, "test3")],
}


def test_path_back_names_every_arrow():
    path = loops.path_back(GRAPH, source="test1", edge=Edge(Side.SUCCESS, "test2"))

    assert loops.describe(path) == "test1 ─✓→ test2 ─✗→ test1"


def test_path_back_of_itself():
    path = loops.path_back({}, source="test1", edge=Edge(Side.FAILURE, "test1"))

    assert loops.describe(path) == "test1 ─✗→ test1"


def test_path_back_ends_in_a_foreign_circle():
    assert (
        loops.path_back(GRAPH, source="test1", edge=Edge(Side.SUCCESS, "test3")) == ()
    )


def test_path_back_of_a_straight_line_is_empty():
    assert loops.path_back({}, source="test1", edge=Edge(Side.SUCCESS, "test2")) == ()


def test_digest_changes_with_the_path():
    there = loops.path_back(GRAPH, source="test1", edge=Edge(Side.SUCCESS, "test2"))
    other = loops.path_back(GRAPH, source="test1", edge=Edge(Side.FAILURE, "test2"))

    assert loops.digest([there]) != loops.digest([other])
    assert loops.digest([]) == ""


@pytest.fixture
def told():
    """test1 tells topic-a of its successes."""
    topic, test1 = make_topic("topic-a"), make_function("test1")
    make_config(test1, on_success=topic)
    return topic, test1


@pytest.mark.django_db
def test_a_subscription_that_closes_a_loop_is_seen(told):
    topic, test1 = told
    other = make_function("other")

    (path,) = subscribing.loops_of(topic, test1)

    assert loops.describe(path) == ("SMN topic-a ─subscription→ test1 ─✓→ SMN topic-a")
    assert subscribing.loops_of(topic, other) == []
    assert subscribing.loops_of(topic, None) == []


@pytest.mark.django_db
def test_a_configuration_that_closes_a_loop_through_a_topic_is_seen(told):
    topic, test1 = told
    test2 = make_function("test2")
    subscribe(topic, "functionstage", test2)
    back = Wanted(on_failure=function_destination(test1))

    (path,) = graph.loops_of(latest(test2), back)

    assert loops.describe(path) == (
        "test2 ─✗→ test1 ─✓→ SMN topic-a ─subscription→ test2"
    )


@pytest.mark.django_db
def test_saved_loops_through_a_topic_are_shown(told):
    topic, test1 = told
    assert graph.saved_loops(test1) == []

    subscribe(topic, "functionstage", test1)

    (path,) = graph.saved_loops(test1)
    assert loops.describe(path) == "test1 ─✓→ SMN topic-a ─subscription→ test1"


@pytest.mark.django_db
def test_a_topic_of_the_same_name_elsewhere_makes_no_loop(told):
    topic, test1 = told
    other = make_topic("topic-a", project=make_project())
    subscribe(topic, "functionstage", test1)
    target = Target("topic-a", other.urn)
    wanted = Wanted(on_success=Destined("SMN", "{}", target))

    assert graph.loops_of(latest(test1), wanted) == []


@pytest.mark.django_db
def test_who_tells_a_function_through_a_topic_is_known(told):
    topic, test1 = told
    listener = make_function("listener")
    assert graph.told_by(listener) == []

    subscribe(topic, "functionstage", listener)

    assert graph.told_by(listener) == [test1]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ("ab" * 8 + "a", "a ⇄ b × 8"),
        ("a" * 17, "a → a × 16"),
        ("abc" * 5 + "ab", "a → b → c → a × 5"),
        ("x" + "ab" * 8, "x → a ⇄ b × 7"),
        ("abca", "a → b → c → a"),
        ("abc", "a → b → c"),
        ("a", "a"),
        ("", ""),
    ],
)
def test_a_way_in_circles_is_not_written_out(names, shown):
    assert loops.condense(" → ".join(names)) == shown
