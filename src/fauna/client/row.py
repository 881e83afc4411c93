"""Rows as the SDK hands them out: tuples whose values also go by column name.

    row[0]    row["id"]    row.total    id, total = row    dict(row)

Each set of column names has one class, made once, so that `row.total` is one call.  A column
called `count` or `index` is reached by its name too (it hides the tuple's method); one called `keys`, or with a leading
underscore, only as row["keys"].  Of two columns with one name, the first is found by name; both by position.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar

SHAPES_MAX = 4096


class Row(tuple[Any, ...]):
    """One row; see the module's text."""

    __slots__ = ()
    _names: ClassVar[tuple[str, ...]] = ()
    _positions: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        if key.__class__ is str:
            try:
                return tuple.__getitem__(self, self._positions[key])
            except KeyError:
                raise KeyError(self._unknown(str(key))) from None
        return tuple.__getitem__(self, key)

    def __getattr__(self, name: str) -> Any:
        position = self._positions.get(name)
        if position is None:
            raise AttributeError(self._unknown(name))
        return tuple.__getitem__(self, position)

    def keys(self) -> tuple[str, ...]:
        """The column names; with it `dict(row)` works."""
        return self._names

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._names, n=1)
        return f"no column {name!r}" + (f"; did you mean {near[0]!r}?" if near else f" in {', '.join(self._names)}")

    def __repr__(self) -> str:
        return "Row(" + ", ".join(f"{n}={v!r}" for n, v in zip(self._names, self, strict=True)) + ")"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._names, tuple(self))


def _restored(names: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    return row_class(names)(values)


@lru_cache(maxsize=SHAPES_MAX)
def row_class(names: tuple[str, ...]) -> type[Row]:
    """The class of rows with these column names."""
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        positions.setdefault(name, position)
    body: dict[str, Any] = {"__slots__": (), "_names": names, "_positions": positions}
    for name, position in positions.items():
        if name.isidentifier() and not name.startswith("_") and name != "keys":
            body[name] = _column(position)
    return type("Row", (Row,), body)


def _column(position: int) -> property:
    get = tuple.__getitem__  # not row[…]: that is ours, and slower
    return property(lambda row: get(row, position))


class Rows(list[Row]):
    """What `db.query` answers: a list of rows, and what else the server said.

    rowcount   rows changed by INSERT, UPDATE and DELETE (MySQL's affected rows), else the number of rows here
    lastrowid  the AUTO_INCREMENT value of the first inserted row, 0 when there is none
    warnings   how many; SHOW WARNINGS lists them
    columns    names, () for a statement that answers no rows
    """

    __slots__ = ("columns", "lastrowid", "rowcount", "warnings")
    columns: tuple[str, ...]
    lastrowid: int
    rowcount: int
    warnings: int

    def first(self) -> Row | None:
        """The first row, None when there is none."""
        return self[0] if self else None

    def scalar(self) -> Any:
        """The first value of the first row, None when there is no row."""
        return self[0][0] if self else None

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Each row as a dict."""
        return (dict(zip(self.columns, row, strict=True)) for row in self)
