"""What an open transaction has changed, so that it can be done again: the write lock may go to others meanwhile.

A change is noted as the row was and as it is (`Change`), in the order in which it happened.  `freeze` turns it into the one
statement that does it again, on whatever is the latest state then; its rows and unique keys are locked, so it fits.
Triggers do not fire again: what they changed is noted, too (foreign keys ask `fauna_replaying()`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apsw import no_change

from fauna.catalog.types import Stored
from fauna.shard.engines.sqlite.columns import is_without_rowid, read_columns
from fauna.shard.engines.sqlite.connection import Handle

# A changed row: (table, op, rowid, rowid_new, None, new); an UPDATE may have moved it.  new has all its columns, `no_change` for
# those that an UPDATE left alone; None for a DELETE, and where nobody will ask.
# Frozen: (table, op, rowid, rowid_new, sql, params).  A plain tuple: one is made per row written.
Change = tuple[str, str, int, int, Any, Any]

# The table of a change that is a statement on a table whose rows nobody locks, named instead of the operation: it is run again as
# it was.
STATEMENT: Final = ""

# (collation, text) -> something equal exactly for texts that are equal by it; None: the collation is not known.
EqualKey = Callable[[str, str], "Stored"]


def binary_equal_key(collation: str, text: str) -> Stored:
    """For an engine that has no collations but SQLite's own BINARY."""
    return text if collation == "BINARY" else None


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique index: positions among the table's columns, with the collation of each."""

    name: str
    parts: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as the write set needs it.

    columns   name of each column; stored ones that are computed are in `computed`
    rowid     position of the column that is the rowid, or -1
    hidden    nobody sees the rowid: it may be another
    keys      the unique keys besides the rowid; None: one is over expressions, its values cannot be told from the row
    """

    columns: tuple[str, ...]
    computed: frozenset[int]
    rowid: int
    hidden: bool
    keys: tuple[UniqueKey, ...] | None

    def insert(self, table: str) -> str:
        names = [f'"{name}"' for i, name in enumerate(self.columns) if i not in self.computed]
        if self.rowid < 0:
            names.append("rowid")
        return f'INSERT INTO "{table}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'


class Shapes:
    """The shapes of tables, read once and kept until the schema changes."""

    def __init__(self, handle: Handle, hidden_rowid: str, equal_key: EqualKey) -> None:
        self._handle = handle
        self._hidden_rowid = hidden_rowid
        self._equal_key = equal_key
        self._shapes: dict[str, Shape] = {}
        self._inserts: dict[str, str] = {}

    def forget(self) -> None:
        """The schema is changing."""
        self._shapes.clear()
        self._inserts.clear()

    def of(self, table: str) -> Shape:
        shape = self._shapes.get(table)
        if shape is None:
            shape = self._shapes[table] = self._read(table)
            self._inserts[table] = shape.insert(table)
        return shape

    def key_values(self, change: Change) -> list[tuple[Any, ...]] | None:
        """The row's new values in unique keys, comparable; None when they cannot be told.  The change is not frozen."""
        table, _, rowid, _, _, new = change
        shape = self._shapes.get(table) or self.of(table)
        if shape.keys is None:
            return None
        values = []
        for key in shape.keys:
            row = new
            if no_change in new:
                if all(new[position] is no_change for position, _ in key.parts):
                    continue
                row = self._whole(table, rowid, shape)
            parts = [self._comparable(row[position], collation) for position, collation in key.parts]
            if None not in parts:
                values.append((table, key.name, *parts))
        return values

    def key_values_now(self, table: str, rowid: int) -> list[tuple[Any, ...]]:
        """The unique keys of a row that is written, as it is now; nothing for those that cannot be told, nor when it is gone."""
        shape = self._shapes.get(table) or self.of(table)
        if not shape.keys:
            return []
        rows = self._rows(table, rowid, shape)
        return self._values(table, shape.keys, rows[0]) if rows else []

    def _values(self, table: str, keys: Sequence[UniqueKey], row: Sequence[Stored]) -> list[tuple[Any, ...]]:
        values = []
        for key in keys:
            parts = [self._comparable(row[position], collation) for position, collation in key.parts]
            if None not in parts:
                values.append((table, key.name, *parts))
        return values

    def _whole(self, table: str, rowid: int, shape: Shape) -> Sequence[Stored]:
        """All of a row, as it is now."""
        return self._rows(table, rowid, shape)[0]

    def _rows(self, table: str, rowid: int, shape: Shape) -> list[tuple[Stored, ...]]:
        self._handle.guard.start(None, inline=False)
        names = ", ".join(f'"{name}"' for name in shape.columns)
        return self._handle.connection.execute(f'SELECT {names} FROM "{table}" WHERE rowid = ?', (rowid,)).fetchall()

    def _comparable(self, value: Stored, collation: str) -> Stored:
        return self._equal_key(collation, value) if isinstance(value, str) and collation != "BINARY" else value

    def row(self, table: str, rowid: int) -> Sequence[Stored] | None:
        """The row's columns, without the computed ones, as they are now; None when it is not there."""
        shape = self._shapes.get(table) or self.of(table)
        names = ", ".join(f'"{name}"' for i, name in enumerate(shape.columns) if i not in shape.computed)
        self._handle.guard.start(None, inline=False)
        rows = self._handle.connection.execute(f'SELECT {names} FROM "{table}" WHERE rowid = ?', (rowid,)).fetchall()
        return rows[0] if rows else None

    def insertion(self, table: str, rowid: int, values: Sequence[Stored]) -> tuple[str, Sequence[Stored]]:
        """The statement that makes a row of what `row` gave."""
        shape = self._shapes.get(table) or self.of(table)
        return self._inserts[table], (*values, rowid) if shape.rowid < 0 else values

    def freeze(self, change: Change) -> Change:
        """The change as a statement."""
        table, op, rowid, rowid_new, sql, new = change
        if sql is not None:
            return change
        shape = self.of(table)
        if op == "INSERT":
            params = [value for i, value in enumerate(new) if i not in shape.computed]
            if shape.rowid < 0:
                params.append(rowid)
            return table, op, rowid, rowid_new, self._inserts[table], params
        if op == "DELETE":
            return table, op, rowid, rowid_new, f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,)
        changed = [i for i, value in enumerate(new) if value is not no_change and i not in shape.computed]
        names = [f'"{shape.columns[i]}" = ?' for i in changed] or ["rowid = rowid"]
        if shape.rowid < 0 and rowid != rowid_new:
            names.append(f"rowid = {rowid_new}")
        sql = f'UPDATE "{table}" SET {", ".join(names)} WHERE rowid = ?'
        return table, op, rowid, rowid_new, sql, [*[new[i] for i in changed], rowid]

    def _read(self, table: str) -> Shape:
        self._handle.guard.start(None, inline=False)
        found = read_columns(self._handle.connection.execute, table)
        columns = tuple([column.name for column in found.columns])
        computed = frozenset([i for i, column in enumerate(found.columns) if column.computed])
        rowid = columns.index(found.rowid) if found.rowid else -1
        return Shape(columns, computed, rowid, found.rowid == self._hidden_rowid, self._unique_keys(table))

    def _unique_keys(self, table: str) -> tuple[UniqueKey, ...] | None:
        self._handle.guard.start(None, inline=False)
        if is_without_rowid(self._handle.connection.execute, table):
            return ()  # WITHOUT ROWID: the catalog's own, whose rows nobody locks
        keys = []
        for _, name, unique, _, partial in self._pragma("index_list", table):
            if not unique:
                continue
            columns = self._pragma("index_xinfo", name)
            parts = [(int(cid), str(collation)) for _, cid, _, _, collation, is_key in columns if is_key]
            if partial or any(cid < 0 or self._equal_key(collation, "") is None for cid, collation in parts):
                return None
            keys.append(UniqueKey(str(name), tuple(parts)))
        return tuple(keys)

    def _pragma(self, name: str, subject: str) -> list[Any]:
        self._handle.guard.start(None, inline=False)
        return self._handle.connection.execute(f'PRAGMA {name}("{subject}")').fetchall()


def size_of(changes: Iterable[Change]) -> int:
    """About how many bytes their values hold."""
    size = 0
    for change in changes:
        row = change[5] if change[5] is not None else change[4]
        if row is not None:
            for value in row:
                kind = type(value)
                if kind is str or kind is bytes:
                    size += len(value)
    return size
