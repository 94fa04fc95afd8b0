"""Whose turn it is: no function and no target starves another.

Rows that wait belong to groups: requests to functions, outgoing rows to targets.
Groups are served one after another, on from the one that was served last, and within
a group the row that has been due the longest comes first.

Targets share slots as well. A slot is taken for as long as its target lets us wait.
So that targets which do not answer leave slots to those that do, a target

- takes at most `DELIVERY_SLOTS_PER_TARGET` slots of a courier,
- takes a second one only while over a quarter is free: that is for targets without,
- has one slot, of a quarter that such targets share, while it is doubtful: its last
  try hung, or this process never tried it and what is due there has failed before.

What is written to our own database needs no slot, but a part of the next transaction.
Each of these three has its own turn, so that what one may not take does not pass over
what another may.
"""

from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from itertools import zip_longest
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection, models

from asyncconfig.models.outbox import Outbound

# A failure that took so long was spent waiting: the target hung.
HANGING_MS = 2000.0
MAX_KNOWN_TARGETS = 10_000

Row = TypeVar("Row", bound=Outbound)
One = TypeVar("One")
Group = TypeVar("Group", int, str)


def groups_due(model: type[models.Model], column: str, now: datetime) -> list[Any]:
    """Return the groups that have due rows, in order; `column` holds the group.

    A skip scan: three index probes per group, however many rows wait. DISTINCT would
    read every one of them.
    """
    table, column = map(connection.ops.quote_name, (model._meta.db_table, column))
    # MIN would say the same, but SQLite then reads an index that holds everything
    # that is done; in this order only the index of what waits will do.
    first = f"""
        SELECT o.{column} FROM {table} o WHERE o.status = 'WAIT' %s
        ORDER BY o.{column}, o.due_at, o.id LIMIT 1
    """  # noqa: S608 - the names are a model's
    query = f"""
        WITH RECURSIVE waiting(key) AS (
            SELECT ({first % ""})
            UNION ALL
            SELECT ({first % f"AND o.{column} > waiting.key"})
            FROM waiting WHERE waiting.key IS NOT NULL
        )
        SELECT key FROM waiting WHERE key IS NOT NULL AND EXISTS (
            SELECT 1 FROM {table} o WHERE o.status = 'WAIT'
            AND o.{column} = waiting.key AND o.due_at <= %s
        )
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, [connection.ops.adapt_datetimefield_value(now)])
        return sorted(row[0] for row in cursor.fetchall())


def in_turn(groups: list[Group], *, after: Group) -> list[Group]:
    """Return sorted groups, beginning behind the one that was served last."""
    at = bisect_right(groups, after)
    return groups[at:] + groups[:at]


def by_turns(hands: Iterable[Iterable[One]]) -> list[One]:
    """Return the first of each hand, then the second of each, and so on."""
    return [one for turn in zip_longest(*hands) for one in turn if one is not None]


class Sort(Enum):
    """What a target is served with."""

    HERE = auto()
    SLOT = auto()
    DOUBTFUL = auto()


@dataclass
class _Seen:
    """What is known of a target; None where it is not yet."""

    is_written_here: bool | None = None
    has_hung: bool | None = None


class Known:
    """What this process has seen of targets: of the 10,000 that it met last."""

    def __init__(self) -> None:
        self._targets: OrderedDict[str, _Seen] = OrderedDict()

    def see(self, row: Outbound, *, is_written_here: bool) -> Sort:
        """Note a row that is due, and return of which sort it is."""
        seen = self._of(row.target_key)
        seen.is_written_here = is_written_here
        # After a restart nobody remembers who hung: what has failed before is under
        # suspicion until it is tried once.
        if seen.has_hung is None and row.attempts:
            seen.has_hung = True
        (sort,) = self.sorts(row.target_key)
        return sort

    def tried(self, key: str, *, succeeded: bool, duration_ms: float) -> None:
        """Note how a try from a slot went; it took so many milliseconds."""
        self._of(key).has_hung = not succeeded and duration_ms >= HANGING_MS

    def sorts(self, key: str) -> set[Sort]:
        """Return what may be due at a target; one sort, once a row was seen."""
        seen = self._targets.get(key, _Seen())
        far = Sort.DOUBTFUL if seen.has_hung else Sort.SLOT
        if seen.is_written_here is None:
            return {Sort.HERE, far}
        return {Sort.HERE} if seen.is_written_here else {far}

    def _of(self, key: str) -> _Seen:
        seen = self._targets.setdefault(key, _Seen())
        self._targets.move_to_end(key)
        if len(self._targets) > MAX_KNOWN_TARGETS:
            self._targets.popitem(last=False)
        return seen


class Room:
    """What one claim may still take: `free` of `slots`, and `ahead` rows written here.

    `held` counts the slots that targets have already.
    """

    def __init__(
        self, slots: int, free: int, ahead: int, held: Counter[str], known: Known
    ) -> None:
        self._quarter = slots // 4
        self._free = free
        self._held = held
        doubted = sum(held[p] for p in held if Sort.DOUBTFUL in known.sorts(p))
        self.left = {
            Sort.HERE: ahead,
            Sort.SLOT: free,
            Sort.DOUBTFUL: min(max(self._quarter, 1) - doubted, free),
        }

    def has(self, key: str, sort: Sort) -> bool:
        if self.left[sort] <= 0 or sort is Sort.HERE:
            return self.left[sort] > 0
        # With a sort's turn goes no right to a slot: its own limit, and the quarter
        # that is kept for targets without one, are looked at row by row.
        own = self._held[key]
        if self._free <= 0 or own >= int(settings.DELIVERY_SLOTS_PER_TARGET):
            return False
        return not own or (sort is Sort.SLOT and self._free > self._quarter)

    def fill(self, key: str, sort: Sort) -> None:
        self.left[sort] -= 1
        if sort is not Sort.HERE:
            self._held[key] += 1
            self._free -= 1


@dataclass(frozen=True)
class Window:
    """Where to look for rows of a sort: `share` at each target, `most` in all."""

    sort: Sort
    keys: list[str]
    share: int
    most: int


class Turns(Generic[Row]):
    """Goes round the targets of each sort, on from the one that was served last."""

    def __init__(self) -> None:
        self.known = Known()
        self._last = dict.fromkeys(Sort, "")

    def look(self, due: list[str], room: Room) -> list[Window]:
        """Return where to look, of the targets that have due rows; `due` is sorted."""
        windows = []
        for sort in Sort:
            most = max(room.left[sort], 0)
            keys = [
                key
                for key in in_turn(due, after=self._last[sort])
                if sort in self.known.sorts(key) and room.has(key, sort)
            ][:most]
            if keys:
                share = int(settings.DELIVERY_SLOTS_PER_TARGET)
                if sort is Sort.HERE:
                    # Rounded up; what is too much in all is cut off when dealing.
                    share = -(-most // len(keys))
                windows.append(Window(sort, keys, share, most))
        return windows

    def deal(
        self, windows: list[Window], rows: Iterable[tuple[Row, bool]], room: Room
    ) -> list[Row]:
        """Return what is taken of the rows found there, each target's oldest first.

        With each row comes whether it is written here.
        """
        hands: dict[Sort, dict[str, list[Row]]] = {sort: {} for sort in Sort}
        for row, is_written_here in rows:
            sort = self.known.see(row, is_written_here=is_written_here)
            hands[sort].setdefault(row.target_key, []).append(row)
        # Where nothing can be taken now the turn goes on all the same.
        ends = {window.sort: window.keys[-1] for window in windows}
        taken: list[Row] = []
        for sort, found in hands.items():
            order = in_turn(sorted(found), after=self._last[sort])
            for row in by_turns([found[key] for key in order]):
                if room.has(row.target_key, sort):
                    room.fill(row.target_key, sort)
                    taken.append(row)
                    ends[sort] = row.target_key
        self._last |= ends
        return taken
