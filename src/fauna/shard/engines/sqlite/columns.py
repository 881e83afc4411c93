"""A table's columns as SQLite has them: what `PRAGMA table_xinfo` and `table_list` say, read in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import apsw

Execute = Callable[[str], apsw.Cursor]

_VIRTUAL: Final = 2
_STORED: Final = 3


@dataclass(frozen=True, slots=True)
class Column:
    """declared: its type as the definition has it.  key: its place in the primary key, from 1; 0: it is not in it.
    virtual: it is in no row; computed: it is generated, virtual or not."""

    name: str
    declared: str
    has_default: bool
    key: int
    virtual: bool
    computed: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """columns: all; none, when there is no such table."""

    columns: tuple[Column, ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """What rows hold, in order: all but the VIRTUAL ones."""
        return tuple([column for column in self.columns if not column.virtual])

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key's, in its order."""
        return tuple([column.name for column in sorted(self.columns, key=lambda column: column.key) if column.key])

    @property
    def rowid(self) -> str:
        """The column that is the rowid; "": none is.  Not for tables WITHOUT ROWID."""
        keyed = [column for column in self.columns if column.key]
        return keyed[0].name if len(keyed) == 1 and keyed[0].declared.upper() == "INTEGER" else ""


def read_columns(execute: Execute, table: str) -> Columns:
    rows: list[Any] = execute(f'PRAGMA table_xinfo("{table}")').fetchall()
    return Columns(tuple([
        Column(str(name), str(declared), default is not None, int(key), hidden == _VIRTUAL, hidden in (_VIRTUAL, _STORED))
        for _, name, declared, _, default, key, hidden in rows
    ]))  # fmt: skip


def is_without_rowid(execute: Execute, table: str) -> bool:
    return any(row[4] for row in execute(f'PRAGMA main.table_list("{table}")'))
