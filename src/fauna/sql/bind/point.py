"""Writes of one row by its rowid: the statements that find the row and write it apart, see `plan.PointWrite`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fauna.catalog.schema import Catalog, Column, Table
from fauna.catalog.types import Stored
from fauna.plan.plan import BuildOne, PointWrite, ShardStatement, parameters, value_of
from fauna.sql.bind.access import access_rules
from fauna.sql.bind.place import is_spread, placed_by, row_place
from fauna.sql.emit.sqlite import SqliteEmitter
from fauna.sql.typed import BoundSelect, Const, SessionValue, Slot, TableSource, Typed

ROWID = "_rowid_"


def point_insert(
    catalog: Catalog, table: Table, written: Sequence[Column], values: Sequence[Typed], sql: str
) -> PointWrite | None:
    """For an INSERT of one row; None unless it is that simple."""
    key = table.rowid_column
    if key is None or not _writes_alone(catalog, table):
        return None
    if is_spread(catalog, table) and not placed_by(catalog, table, key):
        return None
    value = values[written.index(key)]
    if not isinstance(value, (Slot, Const, SessionValue)):
        return None
    select = ShardStatement(f"SELECT 1 FROM {table.physical} WHERE {ROWID} = ?1", parameters((value,)))
    return PointWrite(value_of(value), select, sql, _required(written), _shard_of(catalog, table))


def point_update(
    catalog: Catalog, source: TableSource, sets: Sequence[tuple[Column, Typed]], where: Typed | None, emitter: SqliteEmitter,
    changes: str,
) -> PointWrite | None:
    """changes: SQL of `emitter` that tells whether the row changes."""
    table = source.table
    columns = [column for column, _ in sets]
    rowid = _fixed_rowid(source, where)
    if rowid is None or where is None or not _writes_alone(catalog, table) or not _is_found_by_rowid(catalog, table):
        return None
    if table.rowid_column in columns or table.auto_column in columns:
        return None
    values = ", ".join(emitter.expr(value) for _, value in sets)
    condition = " AND um_row()" if "cv(" in values or "null_for(" in values else ""
    text = f"SELECT {changes}, {values} FROM {table.physical} AS {source.alias} WHERE {emitter.expr(where)}{condition}"
    assignments = ", ".join(f"{column.physical} = ?{i + 1}" for i, column in enumerate(columns))
    write = f"UPDATE {table.physical} SET {assignments} WHERE {ROWID} = ?{len(columns) + 1}"
    shard_of = _shard_of(catalog, table)
    return PointWrite(rowid, ShardStatement(text, parameters(emitter.params)), write, _required(columns), shard_of)


def point_delete(catalog: Catalog, source: TableSource, where: Typed | None, find: ShardStatement) -> PointWrite | None:
    """find: selects the rows that go."""
    rowid = _fixed_rowid(source, where)
    if rowid is None or not _writes_alone(catalog, source.table) or not _is_found_by_rowid(catalog, source.table):
        return None
    delete = f"DELETE FROM {source.table.physical} WHERE {ROWID} = ?1"
    return PointWrite(rowid, find, delete, shard_of=_shard_of(catalog, source.table))


def _is_found_by_rowid(catalog: Catalog, table: Table) -> bool:
    """Whether a row's number tells its shard."""
    key = table.rowid_column
    return not is_spread(catalog, table) or key is not None and placed_by(catalog, table, key)


def _shard_of(catalog: Catalog, table: Table) -> Callable[[Sequence[Stored]], int] | None:
    key = table.rowid_column
    place = row_place(catalog, table, (key,)) if key is not None and placed_by(catalog, table, key) else None
    return place.shard_of if place is not None else None


def _required(columns: Sequence[Column]) -> tuple[int, ...]:
    return tuple(i for i, column in enumerate(columns) if not column.nullable)


def _fixed_rowid(source: TableSource, where: Typed | None) -> BuildOne | None:
    rules = access_rules(BoundSelect((), source, where))
    if len(rules) != 1 or rules[0].low is None or rules[0].low is not rules[0].high:
        return None
    return value_of(rules[0].low)


def _writes_alone(catalog: Catalog, table: Table) -> bool:
    """Whether a row of values that fit their columns can be written without failing and without effects elsewhere."""
    plain = not (table.checks or table.foreign_keys or any(column.generated or column.declared_json for column in table.columns))
    unique = any(index.unique and index.kind != "PRIMARY" for index in table.indexes)
    return plain and not unique and not catalog.references_to(table.schema, table.name)
