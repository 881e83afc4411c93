"""The file of a shard that is added: the tables of the others, empty but for the copies that every shard has.

It is made with the write lock of all shards in hand, and belongs to the database once the catalog says so: a file that a crash
left before that is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fauna.catalog.ddl_plan import ScriptLine
from fauna.catalog.foreign_keys import triggers
from fauna.catalog.placement import placement_of
from fauna.catalog.schema import Catalog, Table
from fauna.errors import unsupported
from fauna.shard.shard import Shard, locked
from fauna.sql.bind.place import rows_move
from fauna.txn import definitions

_ROWS: Final = 500
_SCHEMA: Final = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"


def copied_tables(catalog: Catalog) -> list[Table]:
    """Those of which every shard has all rows."""
    return [table for table in catalog.tables() if placement_of(table).kind == "BROADCAST"]


def triggers_left_behind(before: Catalog, after: Catalog) -> list[str]:
    """The triggers that keep foreign keys on the shard that has been alone, and are the query node's business then.  Error 1235
    for a key that cannot be."""
    for table in after.tables():
        for key in table.foreign_keys:
            if any(table.by_name[name.lower()].generated for name in key.columns):
                raise unsupported("with several shards, a foreign key of a generated column")
    kept = triggers(after)
    return [name for name in triggers(before) if name not in kept]


def fill(new: Shard, model: Shard, catalog: Catalog, without: Sequence[str]) -> None:
    """Make `new`, which has the system tables alone, what `model` is: a shard of that catalog, on which nobody writes
    meanwhile.  without: its triggers that are not wanted, as its temporary tables are not."""
    there = {str(row[0]) for row in _read(new, _SCHEMA)} | set(without)
    script: list[ScriptLine] = [(str(sql), ()) for name, sql in _read(model, _SCHEMA) if str(name) not in there]
    script = definitions.of_other_shards(script)
    count = int(str(_read(model, "SELECT count FROM definition_count")[0][0]))
    branch = locked(new)
    branch.execute_ddl([*script, ("UPDATE definition_count SET count = ?1", (count,))], ())
    for table in copied_tables(catalog):
        move = rows_move(table)
        rows = model.autocommit_query(move.all_rows, (), inline=False)
        try:
            while batch := rows.fetch(_ROWS):
                branch.write_many(move.insert, batch)
        finally:
            rows.close()
    branch.commit().wait()


def _read(shard: Shard, sql: str) -> Sequence[tuple[object, ...]]:
    rows: Iterable[tuple[object, ...]] = shard.autocommit_query(sql, (), inline=False)
    return list(rows)
