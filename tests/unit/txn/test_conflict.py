"""The rules of txn.conflict: tables of cases, and agreement with a model that remembers every single row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fauna.shard.shard import Isolation, TableAccess
from fauna.txn.conflict import RANGES_MAX, TABLES_MAX, Changed, Decision, Place, ReadSet, decide, is_changed, merge, place_of

A, B = "t1", "t2"


def reads(*accesses: TableAccess) -> ReadSet:
    read_set = ReadSet()
    for access in accesses:
        read_set.add(access)
    return read_set


@pytest.mark.parametrize(
    ("accesses", "changed", "touched"),
    [
        ([], {A: None}, False),
        ([TableAccess(A)], {}, False),
        ([TableAccess(A)], {A: {1}}, True),
        ([TableAccess(A)], {B: {1}}, False),
        ([TableAccess(A)], {A: None}, True),
        ([TableAccess(A, 1, 1)], {A: {2}}, False),
        ([TableAccess(A, 1, 1)], {A: {1}}, True),
        ([TableAccess(A, 1, 1)], {A: None}, True),
        ([TableAccess(A, 1, 5)], {A: {0, 6}}, False),
        ([TableAccess(A, 1, 5)], {A: {5}}, True),
        ([TableAccess(A, None, 5)], {A: {-9}}, True),
        ([TableAccess(A, None, 5)], {A: {6}}, False),
        ([TableAccess(A, 5, None)], {A: {6}}, True),
        ([TableAccess(A, 5, None)], {A: {4}}, False),
        ([TableAccess(A, 1, 1), TableAccess(A, 3, 3)], {A: {2}}, False),
        ([TableAccess(A, 1, 1), TableAccess(A)], {A: {2}}, True),
        ([TableAccess(A), TableAccess(A, 1, 1)], {A: {2}}, True),
        ([TableAccess(A, 5, 1)], {A: {3}}, False),
        ([TableAccess(A, 100, 200)], {A: set(range(100))}, False),
        ([TableAccess(A, 99, 200)], {A: set(range(100))}, True),
    ],
)
def test_touched(accesses: list[TableAccess], changed: Changed, touched: bool) -> None:
    assert reads(*accesses).touched_by(changed) is touched


@pytest.mark.parametrize(
    ("isolation", "access", "changed", "decision"),
    [
        (Isolation.REPEATABLE_READ, TableAccess(A, 1, 1), {A: {2}}, Decision.MOVE),
        (Isolation.REPEATABLE_READ, TableAccess(A, 1, 1), {A: {1}}, Decision.MIX),
        (Isolation.REPEATABLE_READ, TableAccess(A, 1, 1), None, Decision.ABORT),
        (Isolation.SERIALIZABLE, TableAccess(A, 1, 1), {A: {2}}, Decision.MOVE),
        (Isolation.SERIALIZABLE, TableAccess(A, 1, 1), {A: {1}}, Decision.ABORT),
        (Isolation.SERIALIZABLE, TableAccess(A), {B: {1}}, Decision.MOVE),
    ],
)
def test_decide(isolation: Isolation, access: TableAccess, changed: Changed | None, decision: Decision) -> None:
    assert decide(isolation, reads(access), changed) is decision


@pytest.mark.parametrize(
    ("tables", "written", "changed", "place"),
    [
        ([A], [], {A: {1}}, Place.SNAPSHOT),
        ([A], [A], {B: {1}}, Place.LATEST),
        ([A], [A], {A: {1}}, Place.BOTH),
        ([A, B], [A], {B: {1}}, Place.BOTH),
        ([A, B], [B], {A: {1}}, Place.BOTH),
        ([], [A], {A: {1}}, Place.LATEST),
    ],
)
def test_place(tables: list[str], written: list[str], changed: Changed, place: Place) -> None:
    assert place_of(tables, written, changed) is place


def test_is_changed() -> None:
    assert is_changed(A, 1, {A: {1}})
    assert is_changed(A, 1, {A: None})
    assert not is_changed(A, 2, {A: {1}})
    assert not is_changed(B, 1, {A: {1}})


def test_merge() -> None:
    assert merge([{A: {1}}, {A: {2}, B: None}, {B: {3}}]) == {A: {1, 2}, B: None}
    assert merge([]) == {}


def test_many_ranges_are_still_all_remembered() -> None:
    read_set = reads(*(TableAccess(A, row, row) for row in range(0, 10 * RANGES_MAX, 2)))
    assert all(read_set.touched_by({A: {row}}) for row in range(0, 10 * RANGES_MAX, 2))
    assert not read_set.touched_by({B: {1}})


def test_neighbouring_ranges_stay_exact() -> None:
    read_set = reads(*(TableAccess(A, row, row) for row in range(10 * RANGES_MAX)))
    assert not read_set.touched_by({A: {10 * RANGES_MAX}})


def test_many_tables_are_still_all_remembered() -> None:
    read_set = reads(*(TableAccess(f"x{table}", 1, 1) for table in range(TABLES_MAX + 10)))
    assert all(read_set.touched_by({f"x{table}": {1}}) for table in range(TABLES_MAX + 10))
    assert not read_set.touched_by({})


ROWS = 12
bounds = st.none() | st.integers(0, ROWS - 1)
tables = st.sampled_from([A, B])
accesses = st.lists(st.builds(TableAccess, tables, bounds, bounds), max_size=2 * RANGES_MAX)
changes = st.dictionaries(tables, st.none() | st.sets(st.integers(0, ROWS - 1), min_size=1))


@given(accesses, changes)
def test_agrees_with_a_model_of_single_rows(accesses: list[TableAccess], changed: dict[str, set[int] | None]) -> None:
    """Never misses a conflict; with this few ranges it never invents one either."""
    read_rows = {
        (access.table, row)
        for access in accesses
        for row in range(ROWS)
        if (access.low is None or access.low <= row) and (access.high is None or row <= access.high)
    }
    read_tables = {access.table for access in accesses}
    certain = any((table, row) in read_rows for table, rows in changed.items() for row in rows or ())
    whole = any(rows is None and table in read_tables for table, rows in changed.items())
    assert reads(*accesses).touched_by(changed) == (certain or whole)


@given(st.lists(changes))
def test_merge_loses_nothing(parts: list[dict[str, set[int] | None]]) -> None:
    merged = merge(parts)
    for part in parts:
        for table, rows in part.items():
            assert all(is_changed(table, row, merged) for row in (range(ROWS) if rows is None else rows))
