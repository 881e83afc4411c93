"""Rows: by position, by name, by attribute, unpacked, as a dict."""

from __future__ import annotations

import copy
import pickle

import pytest

from fauna.client.row import Row, row_class


def test_every_way_in() -> None:
    row = row_class(("id", "total"))((7, "9.50"))
    assert (row[0], row["id"], row.id, row[-1], row["total"], row.total) == (7, 7, 7, "9.50", "9.50", "9.50")
    order, total = row
    assert (order, total) == (7, "9.50")
    assert dict(row) == {"id": 7, "total": "9.50"}
    assert row == (7, "9.50")
    assert row[:1] == (7,)
    assert isinstance(row, Row)
    assert repr(row) == "Row(id=7, total='9.50')"


def test_columns_hide_the_tuples_methods_but_keys_stays() -> None:
    row = row_class(("count", "index", "keys", "_private", "two words"))((1, 2, 3, 4, 5))
    assert (row.count, row.index, row["keys"], row._private, row["two words"]) == (1, 2, 3, 4, 5)
    assert dict(row) == {"count": 1, "index": 2, "keys": 3, "_private": 4, "two words": 5}


def test_the_first_of_two_equal_names_is_found_by_name() -> None:
    row = row_class(("id", "id"))((1, 2))
    assert (row.id, row["id"], row[1]) == (1, 1, 2)


def test_unknown_names_are_named_with_the_nearest() -> None:
    row = row_class(("id", "total"))((1, 2))
    with pytest.raises(KeyError, match="did you mean 'total'"):
        row["totl"]
    with pytest.raises(AttributeError, match="no column 'zzz'"):
        row.zzz  # noqa: B018
    with pytest.raises(IndexError):
        row[2]


def test_rows_travel() -> None:
    row = row_class(("id", "total"))((1, 2))
    again = pickle.loads(pickle.dumps(row))
    assert again == row and again.total == 2
    assert copy.deepcopy(row).id == 1


def test_one_class_per_shape() -> None:
    assert row_class(("a",)) is row_class(("a",))
