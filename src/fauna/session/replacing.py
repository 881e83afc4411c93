"""ALTER TABLE that changes the shard key: each shard has copied its own rows, and those that belong elsewhere now go there.

They are part of the definition, and so of the script that a shard runs which a crash kept from its commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fauna.catalog.ddl_plan import ScriptLine
from fauna.catalog.placement import keeps_places
from fauna.catalog.schema import Catalog, Table
from fauna.errors import unsupported
from fauna.shard.shard import Transaction
from fauna.sql.bind.place import row_move, spread_of

ROWS_MAX: Final = 100_000
"""More rows are not moved in one definition."""


def moves(before: Catalog, after: Catalog, transaction: Transaction, shards: int) -> Mapping[int, list[ScriptLine]]:
    """What each shard has to run after the definition's own script, so that all rows are where they belong."""
    lines: dict[int, list[ScriptLine]] = {}
    if shards == 1:
        return lines
    count = 0
    for new in after.tables():
        old = before.relation(new.schema, new.name)
        if not isinstance(old, Table) or old is new or spread_of(after, new) != "HASH":
            continue
        auto, numbers = new.auto_column, {column.number for column in old.columns}
        if auto is not None and auto.number not in numbers and _has_rows(transaction, new, shards):
            raise unsupported("with several shards, an AUTO_INCREMENT column that is added to a table with rows")
        if keeps_places(old, new):
            continue
        move = row_move(after, new, ())
        select = move.select.removesuffix(" WHERE _rowid_ = ?1").replace("SELECT ", "SELECT _rowid_, ", 1)
        for shard in range(shards):
            for rowid, *row in list(transaction.writer(shard).query(select, (), (), inline=False)):
                key = [row[position] for position in move.positions] or [rowid]
                there = move.shard_of(key)
                if there != shard:
                    count += 1
                    lines.setdefault(shard, []).insert(0, (move.delete, (rowid,)))
                    lines.setdefault(there, []).append((move.insert, tuple(row)))
                if count > ROWS_MAX:
                    raise unsupported(f"with several shards, ALTER TABLE to another shard key of more than {ROWS_MAX} rows")
    return lines


def _has_rows(transaction: Transaction, table: Table, shards: int) -> bool:
    sql = f"SELECT 1 FROM {table.physical} LIMIT 1"
    return any(transaction.writer(shard).query(sql, (), (), inline=False).fetch(1) for shard in range(shards))
