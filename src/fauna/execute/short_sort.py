"""Sorting a short result at the query node, by the sort keys of its texts."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from fauna.plan.plan import ShortSort, SortKey
from fauna.session.result import Row

_KEY = itemgetter(0)


def in_order(rows: list[Row], sort: ShortSort) -> list[Row]:
    """`rows` as ORDER BY has them; with DISTINCT the first of equal ones."""
    if sort.distinct:
        return _distinct(rows, sort.keys[0])
    for key in reversed(sort.keys):
        rows.sort(key=_key_of(key), reverse=key.descending)
    return rows


def _distinct(rows: list[Row], key: SortKey) -> list[Row]:
    """Of rows of one text."""
    of = _key_of(key)
    first = {of(row): row for row in reversed(rows)}
    return [row for _, row in sorted(first.items(), key=_KEY, reverse=key.descending)]


def _key_of(key: SortKey) -> Callable[[Row], Any]:
    position, of = key.position, key.of
    if key.nullable:
        return lambda row: (False, b"") if row[position] is None else (True, of(row[position]))  # type: ignore[arg-type]
    return lambda row: of(row[position])  # type: ignore[arg-type]
