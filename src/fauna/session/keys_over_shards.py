"""DDL's part in keys that hold across shards: which are not possible, and whether the rows that are there fit a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fauna.catalog.placement import co_located, placement_of
from fauna.catalog.schema import Catalog, ForeignKey, Table
from fauna.catalog.sqlite_schema import collate_clause, storage_class
from fauna.catalog.violations import Violation, duplicate_queries
from fauna.errors import unsupported
from fauna.plan.plan import SpreadKey
from fauna.shard.shard import Transaction
from fauna.sql.bind.place import is_spread, spread_keys

if TYPE_CHECKING:
    from fauna.session.session import Session

_BATCH_ROWS = 512


def check(before: Catalog, after: Catalog) -> None:
    """Error 1235 for a key that cannot be watched over with several shards."""
    if after.slots.shards == 1:
        return
    for table in _changed(before, after):
        for key in spread_keys(after, table):
            if any(table.by_name[name].generated for name in key.columns):
                raise unsupported("with several shards, a unique key of a generated column that does not contain the shard key")
        for foreign_key in table.foreign_keys:
            parent = after.relation(foreign_key.ref_schema, foreign_key.ref_table)
            if isinstance(parent, Table) and not _are_together(after, table, parent, foreign_key):
                raise unsupported(
                    f"with several shards, FOREIGN KEY `{foreign_key.name}`: the rows of `{table.name}` must be where those of "
                    f"`{parent.name}` are (PARTITION BY KEY of the same columns, BROADCAST, or SINGLE for both)"
                )


def _changed(before: Catalog, after: Catalog) -> list[Table]:
    return [table for table in after.tables() if before.table_by_id(table.id) is not table]


def _are_together(catalog: Catalog, child: Table, parent: Table, key: ForeignKey) -> bool:
    """Whether a child row is always on the shard of its parent row, or has a copy of it there."""
    if not is_spread(catalog, child) and not is_spread(catalog, parent):
        return True
    if placement_of(parent).kind == "BROADCAST":
        return True
    if not co_located(child, parent):
        return False
    pairs = {name.lower(): other.lower() for name, other in zip(key.ref_columns, key.columns, strict=False)}
    keys = zip(placement_of(parent).columns, placement_of(child).columns, strict=True)
    return all(pairs.get(there.name.lower()) == here.name.lower() for there, here in keys)


def find_duplicates(session: Session, transaction: Transaction, after: Catalog) -> None:
    """Error 1062 when rows on two shards have the same value in a unique key that is new, or has other columns now."""
    before = session.node.catalog
    if after.slots.shards == 1:
        return
    for table in _changed(before, after):
        old = before.relation(table.schema, table.name)
        known = spread_keys(before, old) if isinstance(old, Table) else ()
        same = isinstance(old, Table) and old.columns == table.columns
        for key in spread_keys(after, table):
            if not same or all((key.index, key.columns) != (other.index, other.columns) for other in known):
                _find_duplicate(session, transaction, after, table, key)


def _find_duplicate(session: Session, transaction: Transaction, catalog: Catalog, table: Table, key: SpreadKey) -> None:
    index = next(index for index in table.indexes if index.physical == key.index)
    violation = Violation("unique", table, index=index)
    columns = [table.by_name[name] for name in key.columns]
    names = ", ".join(column.physical for column in columns)
    scratches = session.node.means.scratches
    scratch = scratches.take()
    try:
        kinds = [f"{c.physical} {storage_class(c.sql_type)}{collate_clause(c.sql_type)}" for c in columns]
        scratch.make(table.physical, ["_rowid_ INTEGER PRIMARY KEY", *kinds] if table.rowid_column is None else kinds)
        given = f"_rowid_, {names}" if table.rowid_column is None else names
        for shard in range(len(session.node.shards)):
            rows = transaction.writer(shard).query(f"SELECT {given} FROM {table.physical}", (), (), inline=False)
            while batch := rows.fetch(_BATCH_ROWS):
                scratch.add(table.physical, batch)
        for query in duplicate_queries(violation, catalog):
            found = scratch.query(query, (), session.watch, lambda: None)
            rows_found = found.fetch(1)
            found.close()
            if rows_found:
                raise violation.to_error(rows_found[0], altering=True)
    finally:
        scratches.give(scratch)
