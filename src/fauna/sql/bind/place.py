"""Where the rows of a statement go, when there are several shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fauna.catalog.placement import Placement, placement_of
from fauna.catalog.schema import Catalog, Column, Table
from fauna.catalog.shard_slots import slot_function
from fauna.catalog.sqlite_schema import ROWID as HIDDEN_ROWID
from fauna.catalog.types import Stored
from fauna.plan.plan import RowMove, RowPlace, Spread
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


def row_place(catalog: Catalog, table: Table, written: Sequence[Column]) -> RowPlace | None:
    """Where a row of values for the columns `written` goes; None: to the first shard."""
    if not is_spread(catalog, table):
        return None
    placement = placement_of(table)
    if placement.kind == "BROADCAST":
        return RowPlace(True, (), lambda values: 0)
    return RowPlace(False, tuple(written.index(column) for column in placement.columns), _shard_of(catalog, placement))


def found_place(catalog: Catalog, table: Table, first: int) -> RowPlace | None:
    """Where a row is whose shard key (the hidden row id, if that is it) a select gives from column `first` on."""
    if not is_spread(catalog, table):
        return None
    placement = placement_of(table)
    if placement.kind == "BROADCAST":
        return RowPlace(True, (), lambda values: 0)
    positions = tuple(range(first, first + max(len(placement.columns), 1)))
    return RowPlace(False, positions, _shard_of(catalog, placement))


def row_move(catalog: Catalog, table: Table, assigned: Sequence[Column]) -> RowMove:
    """How a row of the table goes from one shard to another."""
    columns = [column for column in table.columns if not column.generated]
    names = ", ".join(column.physical for column in columns)
    rowid, values = (HIDDEN_ROWID, columns) if table.rowid_column is None else ("", columns)
    written = f"{rowid}, {names}" if rowid else names
    count = len(values) + bool(rowid)
    placement = placement_of(table)
    return RowMove(
        f"SELECT {written} FROM {table.physical} WHERE _rowid_ = ?1",
        f"DELETE FROM {table.physical} WHERE _rowid_ = ?1",
        f"INSERT INTO {table.physical} ({written}) VALUES ({', '.join(f'?{i + 1}' for i in range(count))})",
        tuple(([rowid] if rowid else []) + [column.name.lower() for column in columns]),
        1 + assigned.index(table.rowid_column) if table.rowid_column in assigned else 0,
        tuple(values.index(column) + bool(rowid) for column in placement.columns),
        _shard_of(catalog, placement),
    )


def _shard_of(catalog: Catalog, placement: Placement) -> Callable[[Sequence[Stored]], int]:
    owners, slot = catalog.slots.owners, slot_function(placement.columns, casefold_key)
    return lambda key: owners[slot(key)]
