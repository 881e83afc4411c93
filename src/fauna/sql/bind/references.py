"""Foreign keys that the query node keeps: what it looks up and does, in the SQL of the shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fauna.catalog.foreign_keys import at_query_node, is_self_reference
from fauna.catalog.placement import placement_of
from fauna.catalog.schema import Catalog, Column, ForeignKey, Table
from fauna.catalog.shard_slots import slot_function
from fauna.catalog.types import CHARS, Stored
from fauna.plan.plan import ChildAction, ParentCheck, Spread
from fauna.sql.bind.place import row_move, spread_of
from fauna.sql.collation import casefold_key


def parents_of(catalog: Catalog, table: Table) -> tuple[ParentCheck, ...]:
    """What has to be there for a row of the table."""
    return tuple([_parent_check(catalog, table, key) for key in table.foreign_keys if at_query_node(catalog, table, key)])


def _parent_check(catalog: Catalog, table: Table, key: ForeignKey) -> ParentCheck:
    names = tuple([name.lower() for name in key.columns])
    text = f"fk:child:{table.id}.{key.number}"
    parent = table if is_self_reference(table, key) else catalog.relation(key.ref_schema, key.ref_table)
    targets = [parent.column(name) for name in key.ref_columns] if isinstance(parent, Table) else []
    columns = [column for column in targets if column is not None]
    if not isinstance(parent, Table) or len(columns) != len(key.columns):
        return ParentCheck(names, text, None, "", "", lambda values: None)
    find = f"SELECT _rowid_ FROM {parent.physical} WHERE {_equal(columns)}"
    return ParentCheck(names, text, parent, parent.physical, find, _shards(catalog, parent, columns))


def children_of(catalog: Catalog, table: Table) -> tuple[ChildAction, ...]:
    """What a change of a row of the table does to rows that refer to it."""
    return tuple(
        [
            _child_action(catalog, table, child, key)
            for child, key in catalog.references_to(table.schema, table.name)
            if at_query_node(catalog, child, key)
        ]
    )


def _child_action(catalog: Catalog, parent: Table, child: Table, key: ForeignKey) -> ChildAction:
    columns = [child.by_name[name.lower()] for name in key.columns]
    kept = [column for column in child.columns if not column.generated]
    physical = ", ".join(column.physical for column in columns)
    settings = ", ".join(f"{column.physical} = ?{i + 2}" for i, column in enumerate(columns))
    placement = placement_of(child)
    moves = spread_of(catalog, child) == "HASH" and not set(placement.columns).isdisjoint(columns)
    return ChildAction(
        child,
        tuple([name.lower() for name in key.ref_columns]),
        tuple([column.name.lower() for column in columns]),
        f"fk:parent:{child.id}.{key.number}",
        key.on_delete,
        # InnoDB lets ON UPDATE CASCADE and SET NULL act as RESTRICT where they would come back to the same table.
        "RESTRICT" if parent.id == child.id else key.on_update,
        f"SELECT _rowid_ FROM {child.physical} WHERE {_equal(columns)}",
        f"SELECT _rowid_, {', '.join(column.physical for column in kept)} FROM {child.physical} WHERE {_equal(columns)}",
        tuple([column.name.lower() for column in kept]),
        f"DELETE FROM {child.physical} WHERE _rowid_ = ?1",
        f"UPDATE {child.physical} SET {settings} WHERE _rowid_ = ?1 AND ({physical}) IS NOT ({_places(columns, 2)})",
        spread_of(catalog, child),
        _shards(catalog, child, columns),
        row_move(catalog, child, columns) if moves else None,
        lambda: children_of(catalog, child),
    )


def _places(columns: Sequence[Column], first: int) -> str:
    return ", ".join(f"?{first + i}" for i in range(len(columns)))


def _equal(columns: Sequence[Column]) -> str:
    return " AND ".join(
        f"{column.physical} = ?{i + 1}" + (f" COLLATE {column.sql_type.collation}" if column.sql_type.kind in CHARS else "")
        for i, column in enumerate(columns)
    )


def _shards(catalog: Catalog, table: Table, columns: Sequence[Column]) -> Callable[[Sequence[Stored]], Sequence[int] | None]:
    """The shards that may have a row of these values; None: any."""
    spread: Spread = spread_of(catalog, table)
    if spread != "HASH":
        return lambda values: (0,)
    key = placement_of(table).columns
    if not key or any(column not in columns for column in key):
        return lambda values: None
    positions = [columns.index(column) for column in key]
    owners, slot = catalog.slots.owners, slot_function(key, casefold_key)
    return lambda values: (owners[slot([values[position] for position in positions])],)
