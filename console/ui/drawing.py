"""Lay the retry schedule out as a picture: pure geometry, in SVG units."""

from dataclasses import dataclass
from itertools import pairwise

from asyncconfig.decisions.schedule import Policy, plan, smallest_sufficient_age
from console.ui import units

WIDTH, LEFT, RIGHT = 328, 4, 324
BOX = 10
BROKEN_AT = 1.3
SHARE_OF_ATTEMPTS = 0.78
LEAST_GAP = 40
LETTER = 6.5


@dataclass(frozen=True)
class Box:
    """One attempt; `fits` says whether the validity period lets it run."""

    x: float
    number: int
    fits: bool
    start: float
    wait: float

    @property
    def middle(self) -> float:
        return self.x + BOX / 2

    @property
    def end(self) -> float:
        return self.x + BOX


@dataclass(frozen=True)
class Label:
    x: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Schedule:
    """The picture: boxes, the waits between them, the end of validity."""

    boxes: list[Box]
    waits: list[Label]
    flag: float
    flag_label: Label
    fold: float | None
    right: float = RIGHT
    width: int = WIDTH
    policy: Policy | None = None

    @property
    def runs(self) -> int:
        return sum(box.fits for box in self.boxes)

    @property
    def is_cut(self) -> bool:
        return self.runs < len(self.boxes)

    @property
    def beyond(self) -> float:
        """How wide the hatched part right of the flag is."""
        return max(self.right - self.flag, 0)

    @property
    def told_after(self) -> str:
        return units.seconds(self.boxes[-1].start)

    @property
    def age(self) -> str:
        return units.seconds(self.policy.max_age) if self.policy else ""

    @property
    def sufficient_age(self) -> int | None:
        return smallest_sufficient_age(self.policy) if self.policy else None

    @property
    def sufficient_words(self) -> str:
        return units.seconds(self.sufficient_age or 0)


def schedule(policy: Policy) -> Schedule:
    """Draw when attempts run if each fails at once."""
    planned = plan(policy)
    last = planned[-1].start
    is_broken = policy.max_age > BROKEN_AT * last
    scale = _scale(last, policy.max_age, is_broken=is_broken)
    boxes = [
        Box(LEFT + one.start * scale, one.number, one.fits, one.start, one.wait)
        for one in planned
    ]
    flag = RIGHT if is_broken else LEFT + BOX / 2 + policy.max_age * scale
    flag = min(_beside(boxes, flag, policy.max_age), RIGHT)
    label = _flag_label(flag, units.seconds(policy.max_age))
    return Schedule(
        boxes=boxes,
        waits=_waits(boxes, flag, label),
        flag=round(flag, 1),
        flag_label=label,
        fold=round((boxes[-1].end + RIGHT) / 2, 1) if is_broken else None,
        policy=policy,
    )


def _scale(last: float, age: float, *, is_broken: bool) -> float:
    if not last:
        return 0.0
    room = RIGHT - LEFT - 3 * BOX
    return room * SHARE_OF_ATTEMPTS / last if is_broken else room / max(last, age)


def _beside(boxes: list[Box], flag: float, age: float) -> float:
    """Move the flag at least 4 units off a box, to the side where it is true."""
    for box in boxes:
        if box.x - 4 < flag < box.end + 4:
            return box.end + 4 if age >= box.start else box.x - 4
    return flag


def _flag_label(flag: float, text: str) -> Label:
    if flag + LETTER * len(text) + 6 > RIGHT:
        return Label(round(flag + 1, 1), text, "end")
    return Label(round(flag - 1, 1), text, "start")


def _waits(boxes: list[Box], flag: float, flag_label: Label) -> list[Label]:
    labels = []
    taken = _extent(flag_label)
    for left, right in pairwise(boxes):
        label = Label(round((left.end + right.x) / 2, 1), units.seconds(right.wait))
        start, end = _extent(label)
        too_narrow = right.x - left.end < max(LEAST_GAP, end - start)
        holds_flag = left.end < flag < right.x
        touches = start < taken[1] + 4 and end > taken[0] - 4
        if not (too_narrow or holds_flag or touches):
            labels.append(label)
    return labels


def _extent(label: Label) -> tuple[float, float]:
    width = LETTER * len(label.text)
    match label.anchor:
        case "end":
            return label.x - width, label.x
        case "start":
            return label.x, label.x + width
    return label.x - width / 2, label.x + width / 2
