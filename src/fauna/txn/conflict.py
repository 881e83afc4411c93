"""May a transaction's snapshot move?  The rules, as pure functions over small values.

    reads     what the transaction has read: per table, rowid ranges or all of it
    changed   what others have committed since its snapshot: per table, rowids or all of it

When the transaction first wants to write it holds the write lock, so nothing more can be committed by others.
Then one of three things happens:

    MOVE    nothing it has read was changed: it goes on at the latest state, as if it had begun now
    MIX     (REPEATABLE READ) something was: its reads stay at the old snapshot, its writes go to the latest
            state, and a row that others changed must not be written (first committer wins)
    ABORT   (SERIALIZABLE) something was: error 1213

    T1: SELECT v FROM t WHERE id = 1      reads {t: [1, 1]}
    T2: UPDATE t SET v = 0 WHERE id = 2   changed {t: {2}}
    T1: UPDATE t SET v = 1 WHERE id = 1   MOVE: 2 is not in [1, 1]
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from fauna.shard.shard import Isolation, TableAccess

# Rowids changed per table; None: any row may have been (bulk changes, DDL).
Changed = Mapping[str, set[int] | None]

# More ranges of one table than this are remembered as the whole table: the check stays cheap, conflicts stay true
# or become false alarms, never missed.
RANGES_MAX: Final = 64
TABLES_MAX: Final = 256

_LOWEST: Final = -(1 << 63)
_HIGHEST: Final = (1 << 63) - 1


class ReadSet:
    """What a transaction has read so far.  Bounded: it may remember too much, never too little."""

    __slots__ = ("_everything", "_tables")

    def __init__(self) -> None:
        self._tables: dict[str, list[tuple[int, int]] | None] = {}
        self._everything = False

    def add(self, access: TableAccess) -> None:
        if self._everything:
            return
        table = access.table
        if access.low is None and access.high is None:
            self._tables[table] = None
        else:
            low = _LOWEST if access.low is None else access.low
            high = _HIGHEST if access.high is None else access.high
            ranges = self._tables.setdefault(table, [])
            if ranges is not None and (low, high) not in ranges:
                ranges.append((low, high))
                if len(ranges) > RANGES_MAX:
                    self._tables[table] = _merged(ranges)
        if len(self._tables) > TABLES_MAX:
            self._everything = True
            self._tables.clear()

    def touched_by(self, changed: Changed) -> bool:
        """Whether a change may lie in what was read."""
        if self._everything:
            return bool(changed)
        for table, rowids in changed.items():
            if table not in self._tables:
                continue
            ranges = self._tables[table]
            if ranges is None or rowids is None or _any_inside(ranges, rowids):
                return True
        return False

    def __bool__(self) -> bool:
        return self._everything or bool(self._tables)


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """The same rows in fewer ranges; None (the whole table) when that does not help enough."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged if len(merged) <= RANGES_MAX // 2 else None


def _any_inside(ranges: list[tuple[int, int]], rowids: set[int]) -> bool:
    if len(rowids) <= 8:
        return any(low <= rowid <= high for rowid in rowids for low, high in ranges)
    ordered = sorted(rowids)
    for low, high in ranges:
        position = bisect_left(ordered, low)
        if position < len(ordered) and ordered[position] <= high:
            return True
    return False


class Decision(Enum):
    MOVE = "move"
    MIX = "mix"
    ABORT = "abort"


def decide(isolation: Isolation, reads: ReadSet, changed: Changed | None) -> Decision:
    """What becomes of a snapshot at its transaction's first write.  `changed` None: no longer known."""
    if changed is None:
        return Decision.ABORT
    if not reads.touched_by(changed):
        return Decision.MOVE
    return Decision.ABORT if isolation is Isolation.SERIALIZABLE else Decision.MIX


class Place(Enum):
    """Where a read of a transaction in mixed mode finds the right answer."""

    SNAPSHOT = "snapshot"  # the old reader: I have written none of it
    LATEST = "latest"  # the writer: others have changed none of it
    BOTH = "both"  # my writes over the old snapshot: neither has it


def place_of(tables: Iterable[str], written: Iterable[str], changed: Changed) -> Place:
    """`tables` are read; `written` by this transaction; `changed` by others since its snapshot.

    A query that names no table it reads is one of ours (a counter, a value of a row to be written): at the latest state.
    """
    tables = set(tables)
    if not tables:
        return Place.LATEST
    if tables.isdisjoint(written):
        return Place.SNAPSHOT
    if tables.isdisjoint(changed):
        return Place.LATEST
    return Place.BOTH


def is_changed(table: str, rowid: int, changed: Changed) -> bool:
    """Whether others have changed this row, or may have."""
    if table not in changed:
        return False
    rowids = changed[table]
    return rowids is None or rowid in rowids


def merge(parts: Iterable[Changed]) -> dict[str, set[int] | None]:
    """The union of what several commits changed."""
    merged: dict[str, set[int] | None] = {}
    for part in parts:
        for table, rowids in part.items():
            so_far = merged.get(table, set())
            merged[table] = None if so_far is None or rowids is None else so_far | rowids
    return merged
