"""What clients call what the engine stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw

from fauna.catalog import store
from fauna.catalog.schema import Catalog, Table
from fauna.catalog.types import Stored
from fauna.shard.engines.sqlite.columns import read_columns
from fauna.verification.findings import Stopped

_SHOWN_MAX: Final = 60
_SECRET: Final = frozenset({"accounts"})  # tables of which no value is shown


class Names:
    def __init__(self, catalog: Catalog | None) -> None:
        self._tables: dict[str, Table] = {table.physical: table for table in catalog.tables()} if catalog is not None else {}

    def table(self, name: str) -> str:
        """database.table, or the engine's name where it has no other."""
        found = self._tables.get(name)
        return f"{found.schema}.{found.name}" if found is not None else name

    def physical(self, label: str) -> str | None:
        """The way back."""
        return next((name for name in self._tables if self.table(name) == label), None)

    def column(self, table: str, name: str) -> str:
        found = self._tables.get(table)
        if found is not None:
            return next((column.name for column in found.columns if column.physical == name), name)
        return name

    def key(self, table: str, columns: Sequence[str], keys: Sequence[int], row: Sequence[Stored]) -> str:
        """columns: of the row, as the engine calls them; keys: which of them name the row."""
        return ", ".join([f"{self.column(table, columns[i])}={shown(row[i])}" for i in keys if i < len(row)])

    def difference(self, table: str, columns: Sequence[str], sealed: Sequence[Stored], stored: Sequence[Stored]) -> str:
        """In which columns they differ, and how."""
        if len(sealed) != len(stored) or len(columns) != len(sealed):
            return f"it has {len(stored)} columns, {len(sealed)} were sealed"
        parts = []
        for name, before, after in zip(columns, sealed, stored, strict=True):
            if (type(before), before) != (type(after), after) and not (before != before and after != after):
                label = self.column(table, name)
                parts.append(label if table in _SECRET else f"{label} is {shown(after)}, sealed was {shown(before)}")
        return "; ".join(parts) or "it differs in a way that cannot be shown"


def shown(value: Stored) -> str:
    if value is None:
        return "NULL"
    text = f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"


def read_catalog(connection: apsw.Connection) -> Catalog | None:
    """None when it cannot be read."""
    try:
        meta: Any = connection.execute(store.LOAD_META).fetchall()[0]
        entries: Any = connection.execute(store.LOAD_ENTRIES).fetchall()
        return store.load(meta, entries)
    except Stopped:
        raise
    except Exception:  # noqa: BLE001 (whatever is wrong with it is found in its rows)
        return None


def keys_of(connection: apsw.Connection, table: str) -> tuple[list[str], list[int]]:
    """The stored columns of a table, and which of them name a row: all, when there is no key."""
    columns = read_columns(connection.execute, table)
    names = [column.name for column in columns.stored]
    return names, [names.index(name) for name in columns.key] or list(range(len(names)))
