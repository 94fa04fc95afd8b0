"""Find the circles that destinations between functions would close. Pure.

A topic that functions subscribe to is a node like a function.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from asyncconfig.decisions.sides import Side

# What leads from a topic to a subscriber, as a side leads from a function.
SUBSCRIPTION = "subscription"
ARROW = " → "
MARKS = {Side.SUCCESS: "✓", Side.FAILURE: "✗", SUBSCRIPTION: "subscription"}


@dataclass(frozen=True)
class Edge:
    """A function tells another, or a topic, of its successes or failures.

    A topic tells its subscribers.
    """

    side: str
    target: str


Graph = Mapping[str, Iterable[Edge]]


@dataclass(frozen=True)
class Step:
    """One arrow of a path, from `source` over `side` to `target`."""

    source: str
    side: str
    target: str


Path = tuple[Step, ...]


def path_back(graph: Graph, *, source: str, edge: Edge) -> Path:
    """Return the shortest way back to source that a new edge would close, or ().

    Names are whatever identifies a function (a version's node is its function:
    a loop through any version runs for ever all the same).
    """
    trails: list[Path] = [(Step(source, edge.side, edge.target),)]
    seen = {edge.target}
    for trail in trails:
        at = trail[-1].target
        if at == source:
            return trail
        for way in graph.get(at, ()):
            if way.target not in seen or way.target == source:
                seen.add(way.target)
                trails.append((*trail, Step(at, way.side, way.target)))
    return ()


def paths_back(graph: Graph, *, source: str, edges: Iterable[Edge]) -> list[Path]:
    """Return the path that each of the new edges would close; none for most."""
    rest = {name: ways for name, ways in graph.items() if name != source}
    found = (path_back(rest, source=source, edge=edge) for edge in edges)
    return [path for path in found if path]


def describe(path: Path) -> str:
    """Write a path in one line: `test1 ─✓→ test2 ─✗→ test1`."""
    arrows = "".join(f" ─{MARKS[step.side]}→ {step.target}" for step in path)
    return path[0].source + arrows if path else ""


def all_in_line(paths: Iterable[Path]) -> str:
    """Write several paths in one line."""
    return " · ".join(describe(path) for path in paths)


def condense(path: str) -> str:
    """Shorten a way in circles: `a → b → a → b → a` is `a ⇄ b × 2`.

    What is written before the circle stays; a way that closes no circle twice is
    returned as it is.
    """
    names = path.split(ARROW)
    for start in range(len(names)):
        for length in range(1, (len(names) - start - 1) // 2 + 1):
            ways = zip(names[start:], names[start + length :], strict=False)
            if all(one == other for one, other in ways):
                times = (len(names) - start - 1) // length
                circle = _circle(names[start : start + length])
                return ARROW.join([*names[:start], f"{circle} × {times}"])
    return path


def _circle(names: list[str]) -> str:
    return " ⇄ ".join(names) if len(names) == 2 else ARROW.join([*names, names[0]])


class Verdict(Enum):
    """What becomes of a change that may close loops."""

    NO_LOOP = auto()
    REFUSED = auto()
    TO_ACCEPT = auto()
    ACCEPTED = auto()


def judge(paths: Iterable[Path], *, are_allowed: bool, accepted: str | None) -> Verdict:
    """Say what becomes of a change that closes these loops.

    `accepted` is the digest of what a person has accepted, which must be exactly
    these; None where nobody is asked, as over the API: there what is allowed counts
    as accepted.
    """
    closed = digest(paths)
    if not closed:
        return Verdict.NO_LOOP
    if not are_allowed:
        return Verdict.REFUSED
    return Verdict.ACCEPTED if accepted in (None, closed) else Verdict.TO_ACCEPT


def digest(paths: Iterable[Path]) -> str:
    """Return what stands for exactly these paths when a person accepts them."""
    text = "\n".join(sorted(describe(path) for path in paths))
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
