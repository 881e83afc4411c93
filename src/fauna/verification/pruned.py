"""Whether what retention has taken out of a chain may be gone, and whether `fauna_pruned` says of it what the chain says.

What a table's retention was, and when, is in the catalog's changes, which are never taken out.  So the chain itself says which
changes may have been pruned by now; and the changes that were say what `fauna_pruned` must have noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from fauna.catalog.retention import limit_us
from fauna.clock import shown
from fauna.verification.fold import TableSums

_SLACK_US: Final = 60_000_000
"""So much later than its commit a definition may still be unknown to who is pruning just then."""


class Terms:
    """What tables have had as their retention.  changes: `Fold.retentions` of the first shard, in the chain's order."""

    def __init__(self, changes: Iterable[tuple[int, int, str | None]]) -> None:
        self._changes: dict[int, list[tuple[int, str | None]]] = {}
        for time_us, number, retention in changes:
            self._changes.setdefault(number, []).append((time_us, retention))

    def limit_us(self, number: int, now_us: int) -> int:
        """The time up to which changes of the table may be gone by now; 0: all must be there."""
        changes = self._changes.get(number, [])
        limit = 0
        for i, (_, retention) in enumerate(changes):
            last = i + 1 == len(changes)
            if retention:
                until_us = now_us if last else min(now_us, changes[i + 1][0] + _SLACK_US)
                limit = max(limit, limit_us(retention, until_us))
            elif retention is None and last and i:  # what an ended table has goes at once, by what it said at its end
                ended_us, before = changes[i][0], changes[i - 1][1]
                if before and ended_us <= limit_us(before, now_us):
                    limit = max(limit, ended_us)
        return limit


def number_of(table: str) -> int:
    """The id of a table of users; 0: it is another."""
    return int(table[1:]) if table[:1] == "t" and table[1:].isdecimal() else 0


def disallowed(table: str, sums: TableSums, terms: Terms, now_us: int) -> str:
    """What is wrong with there being pruned changes of a table; "": nothing."""
    limit = terms.limit_us(number_of(table), now_us)
    if sums.pruned_us <= limit:
        return ""
    kept = f"from {shown(limit)} UTC on" if limit else "for good"
    return f"changes of {shown(sums.pruned_us)} UTC are pruned, which the table's retention keeps {kept}"


def differences(noted: Sequence[Any] | None, sums: TableSums, height: int) -> Iterator[str]:
    """How a row of `fauna_pruned` differs from the table's changes in a chain of `height` blocks.  noted: None: there is none."""
    if noted is None:
        if sums.pruned_all:
            yield f"{sums.pruned_all} changes are pruned, of which nothing is noted"
        return
    _, until_us, last, looked, changes = noted
    if not all(isinstance(each, int) for each in noted[1:]):
        yield "what is noted of pruned changes cannot be read"
        return
    if (until_us, last) != (sums.pruned_us, sums.pruned_height):
        found = f"the last pruned change is of block {sums.pruned_height}, {shown(sums.pruned_us)} UTC"
        yield f"the past is said to be kept from block {last}, {shown_or_number(until_us)} on; {found}"
    if changes != sums.pruned_all:
        yield f"{changes} changes are said to be pruned, {sums.pruned_all} are"
    if not sums.pruned_height - 1 <= looked <= height:
        yield f"changes are said to have been looked for up to block {looked}"
    elif 0 < sums.whole_height <= looked:
        yield f"changes are said to be pruned up to block {looked}, block {sums.whole_height} has some"


def shown_or_number(time_us: int) -> str:
    """A time, also one that is none."""
    try:
        return f"{shown(time_us)} UTC"
    except (OverflowError, ValueError):
        return str(time_us)
