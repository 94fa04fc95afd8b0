"""Circles between functions."""

from asyncconfig import loops
from asyncconfig.loops import FAILURE, SUCCESS, Edge

GRAPH = {
    "test2": [Edge(FAILURE, "test1"), Edge(SUCCESS, "test3")],
    "test3": [Edge(SUCCESS, "test4")],
    "test4": [Edge(SUCCESS, "test3")],
}


def test_path_back_names_every_arrow():
    path = loops.path_back(GRAPH, source="test1", edge=Edge(SUCCESS, "test2"))

    assert loops.describe(path) == "test1 ─✓→ test2 ─✗→ test1"


def test_path_back_of_itself():
    path = loops.path_back({}, source="test1", edge=Edge(FAILURE, "test1"))

    assert loops.describe(path) == "test1 ─✗→ test1"


def test_path_back_ends_in_a_foreign_circle():
    assert loops.path_back(GRAPH, source="test1", edge=Edge(SUCCESS, "test3")) == ()


def test_path_back_of_a_straight_line_is_empty():
    assert loops.path_back({}, source="test1", edge=Edge(SUCCESS, "test2")) == ()


def test_digest_changes_with_the_path():
    there = loops.path_back(GRAPH, source="test1", edge=Edge(SUCCESS, "test2"))
    other = loops.path_back(GRAPH, source="test1", edge=Edge(FAILURE, "test2"))

    assert loops.digest([there]) != loops.digest([other])
    assert loops.digest([]) == ""
