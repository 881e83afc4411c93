"""Where the rows of a statement go, when there are several shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fauna.catalog.placement import Placement, placement_of
from fauna.catalog.schema import Catalog, Column, Index, Table
from fauna.catalog.shard_slots import slot_function
from fauna.catalog.sqlite_schema import ROWID as HIDDEN_ROWID
from fauna.catalog.sqlite_schema import collate_clause
from fauna.catalog.types import Stored
from fauna.plan.plan import RowMove, RowPlace, RowsMove, Spread, SpreadKey
from fauna.sql.collation import casefold_key


def is_spread(catalog: Catalog, table: Table) -> bool:
    """Whether rows of the table may be on other shards than the first."""
    return catalog.slots.shards > 1 and not table.temporary and placement_of(table).kind != "SINGLE"


def placed_by(catalog: Catalog, table: Table, column: Column) -> bool:
    """Whether this column alone says on which shard a row is."""
    return is_spread(catalog, table) and placement_of(table).columns == (column,)


def spread_of(catalog: Catalog, table: Table) -> Spread:
    """Which shards have rows of the table."""
    if not is_spread(catalog, table):
        return ""
    return "BROADCAST" if placement_of(table).kind == "BROADCAST" else "HASH"


def spread_tables(catalog: Catalog) -> list[Table]:
    """Those whose rows have slots."""
    return [table for table in catalog.tables() if spread_of(catalog, table) == "HASH"]


def spread_keys(catalog: Catalog, table: Table) -> tuple[SpreadKey, ...]:
    """The unique keys that no single shard can watch over: the shard key is not part of them."""
    if spread_of(catalog, table) != "HASH":
        return ()
    shard_key = [column.name.lower() for column in placement_of(table).columns]
    return tuple([_spread_key(table, index) for index in table.indexes if index.unique and not _fixes_shard(index, shard_key)])


def _fixes_shard(index: Index, shard_key: Sequence[str]) -> bool:
    whole = {part.column.lower() for part in index.parts if part.length is None}
    return bool(shard_key) and whole.issuperset(shard_key)


def _spread_key(table: Table, index: Index) -> SpreadKey:
    columns = [table.by_name[part.column.lower()] for part in index.parts]
    tests = []
    for i, (part, column) in enumerate(zip(index.parts, columns, strict=True), 1):
        cut = f"substr({{}}, 1, {part.length})" if part.length is not None else "{}"
        tests.append(f"{cut.format(column.physical)} = {cut.format(f'?{i}')}{collate_clause(column.sql_type)}")
    return SpreadKey(
        index.physical,
        tuple([column.name.lower() for column in columns]),
        tuple([collate_clause(column.sql_type).removeprefix(" COLLATE ") for column in columns]),
        f"SELECT 1 FROM {table.physical} WHERE {' AND '.join(tests)}",
        all(part.length is None for part in index.parts),
    )


def row_place(catalog: Catalog, table: Table, written: Sequence[Column]) -> RowPlace | None:
    """Where a row of values for the columns `written` goes; None: to the first shard."""
    if not is_spread(catalog, table):
        return None
    placement = placement_of(table)
    if placement.kind == "BROADCAST":
        return RowPlace(True, (), lambda values: 0)
    return RowPlace(False, tuple(written.index(column) for column in placement.columns), shard_of(catalog, placement))


def found_place(catalog: Catalog, table: Table, first: int) -> RowPlace | None:
    """Where a row is whose shard key (the hidden row id, if that is it) a select gives from column `first` on."""
    if not is_spread(catalog, table):
        return None
    placement = placement_of(table)
    if placement.kind == "BROADCAST":
        return RowPlace(True, (), lambda values: 0)
    positions = tuple(range(first, first + max(len(placement.columns), 1)))
    return RowPlace(False, positions, shard_of(catalog, placement))


def row_move(catalog: Catalog, table: Table, assigned: Sequence[Column]) -> RowMove:
    """How a row of the table goes from one shard to another."""
    columns, hidden = _written(table)
    names = ", ".join(hidden + [column.physical for column in columns])
    placement, count = placement_of(table), len(hidden) + len(columns)
    return RowMove(
        f"SELECT {names} FROM {table.physical} WHERE _rowid_ = ?1",
        f"DELETE FROM {table.physical} WHERE _rowid_ = ?1",
        f"INSERT INTO {table.physical} ({names}) VALUES ({', '.join(f'?{i + 1}' for i in range(count))})",
        tuple(hidden + [column.name.lower() for column in columns]),
        1 + assigned.index(table.rowid_column) if table.rowid_column in assigned else 0,
        tuple(columns.index(column) + len(hidden) for column in placement.columns),
        shard_of(catalog, placement),
    )


def _written(table: Table) -> tuple[list[Column], list[str]]:
    """What makes a row anew on another shard: its columns but the computed ones, and the hidden row id, if it has one."""
    return [column for column in table.columns if not column.generated], [HIDDEN_ROWID] if table.rowid_column is None else []


def rows_move(table: Table) -> RowsMove:
    """How rows of a table that is spread go from one shard to another, many at a time."""
    columns, hidden = _written(table)
    names = hidden + [column.physical for column in columns]
    placement, written = placement_of(table), ", ".join(names)
    key_columns = tuple([column.physical for column in placement.columns])
    key = ["_rowid_", *key_columns]
    wanted = "_rowid_ IN (SELECT value FROM json_each(?1))"
    return RowsMove(
        table.physical,
        wanted,
        f"SELECT {', '.join(key)} FROM {table.physical}",
        f"SELECT {', '.join(key)} FROM {table.physical} WHERE {wanted}",
        key_columns,
        f"SELECT {', '.join(key)}, {written} FROM {table.physical} WHERE {wanted}",
        f"SELECT {written} FROM {table.physical}",
        f"DELETE FROM {table.physical} WHERE {wanted}",
        f"INSERT INTO {table.physical} ({written}) VALUES ({', '.join('?' * len(names))})",
        slot_function(placement.columns, casefold_key),
    )


def shard_of(catalog: Catalog, placement: Placement) -> Callable[[Sequence[Stored]], int]:
    """Of the stored values of a shard key, or of the hidden row id where that is it."""
    owners, slot = catalog.slots.owners, slot_function(placement.columns, casefold_key)
    return lambda key: owners[slot(key)]
