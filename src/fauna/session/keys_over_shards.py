"""DDL's part in keys that hold across shards: which are not possible, and whether the rows that are there fit a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fauna.catalog.foreign_keys import at_query_node, is_self_reference
from fauna.catalog.schema import Catalog, Column, ForeignKey, Table
from fauna.catalog.sqlite_schema import collate_clause, storage_class
from fauna.catalog.violations import Violation, duplicate_queries
from fauna.errors import unsupported
from fauna.plan.plan import SpreadKey
from fauna.shard.engines.sqlite.scratch import Scratch
from fauna.shard.shard import Transaction
from fauna.sql.bind.place import spread_keys, spread_of

if TYPE_CHECKING:
    from fauna.session.session import Session

_BATCH_ROWS = 512


def check(before: Catalog, after: Catalog) -> None:
    """Error 1235 for a key that cannot be watched over with several shards."""
    if after.slots.shards == 1:
        return
    for table in _changed(before, after):
        for foreign_key in table.foreign_keys:
            if any(table.by_name[name.lower()].generated for name in foreign_key.columns):
                raise unsupported("with several shards, a foreign key of a generated column")


def _changed(before: Catalog, after: Catalog) -> list[Table]:
    return [table for table in after.tables() if before.table_by_id(table.id) is not table]


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
                find_duplicate(session, transaction, after, table, key)


def find_orphans(session: Session, transaction: Transaction, after: Catalog) -> None:
    """Error 1452 when a row has no parent by a foreign key that is new to a table with rows."""
    before = session.node.catalog
    if not session.variables.values["foreign_key_checks"]:
        return
    for table in _changed(before, after):
        old = before.relation(table.schema, table.name)
        known = {key.number for key in old.foreign_keys} if isinstance(old, Table) else set()
        for key in table.foreign_keys if isinstance(old, Table) else ():
            parent = table if is_self_reference(table, key) else after.relation(key.ref_schema, key.ref_table)
            if key.number not in known and isinstance(parent, Table) and at_query_node(after, table, key):
                find_orphan(session, transaction, table, key, parent)


def find_orphan(session: Session, transaction: Transaction, table: Table, key: ForeignKey, parent: Table) -> None:
    children = [table.by_name[name.lower()] for name in key.columns]
    parents = [parent.by_name[name.lower()] for name in key.ref_columns]
    with _scratch(session) as scratch:
        _fetch(session, transaction, scratch, "child", table, children)
        _fetch(session, transaction, scratch, "parent", parent, parents)
        present = " AND ".join(f"child.{column.physical} IS NOT NULL" for column in children)
        found = " AND ".join(f"parent.{p.physical} = child.{c.physical}" for c, p in zip(children, parents, strict=True))
        query = f"SELECT 1 FROM child WHERE {present} AND NOT EXISTS (SELECT 1 FROM parent WHERE {found}) LIMIT 1"
        if scratch.query(query, (), session.watch, lambda: None).fetch(1):
            raise Violation("child", table, foreign_key=key).to_error(altering=True)


def find_duplicate(session: Session, transaction: Transaction, catalog: Catalog, table: Table, key: SpreadKey) -> None:
    index = next(index for index in table.indexes if index.physical == key.index)
    violation = Violation("unique", table, index=index)
    with _scratch(session) as scratch:
        _fetch(session, transaction, scratch, table.physical, table, [table.by_name[name] for name in key.columns])
        for query in duplicate_queries(violation, catalog):
            found = scratch.query(query, (), session.watch, lambda: None)
            rows = found.fetch(1)
            found.close()
            if rows:
                raise violation.to_error(rows[0], altering=True)


@contextmanager
def _scratch(session: Session) -> Iterator[Scratch]:
    scratches = session.node.means.scratches
    scratch = scratches.take()
    try:
        yield scratch
    finally:
        scratches.give(scratch)


def _fetch(
    session: Session, transaction: Transaction, scratch: Scratch, name: str, table: Table, columns: Sequence[Column]
) -> None:
    """Columns of all rows of a table, in the order of their numbers."""
    chosen = [column for column in columns if column is not table.rowid_column]
    rowid = table.rowid_column.physical if table.rowid_column is not None else "_rowid_"
    kinds = [f"{c.physical} {storage_class(c.sql_type)}{collate_clause(c.sql_type)}" for c in chosen]
    scratch.make(name, [f"{rowid} INTEGER PRIMARY KEY", *kinds])
    given = ", ".join(["_rowid_", *[column.physical for column in chosen]])
    for shard in range(len(session.node.shards) if spread_of(session.node.catalog, table) == "HASH" else 1):
        rows = transaction.writer(shard).query(f"SELECT {given} FROM {table.physical}", (), (), inline=False)
        while batch := rows.fetch(_BATCH_ROWS):
            scratch.add(name, batch)
