"""PARTITION BY KEY (…), BROADCAST and SINGLE of CREATE TABLE and ALTER TABLE: read into a Table, and checked.

Errors are MariaDB's for PARTITION BY KEY.  Two of its rules are not ours: that every unique key contains the shard key,
and that there are no foreign keys.  Both kinds of keys hold across shards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from fauna.catalog.ddl_plan import Notes
from fauna.catalog.draft import Draft
from fauna.catalog.placement import keeps_places
from fauna.catalog.schema import Catalog, Column, Table
from fauna.catalog.shard_slots import may_be_hashed
from fauna.catalog.types import FLOATS
from fauna.errors import error, unsupported
from fauna.sql import ast

PARTITIONS_MAX: Final = 8192
SHARD_KEY_COLUMNS_MAX: Final = 32  # MariaDB's


def place(draft: Draft, options: ast.TableOptions, notes: Notes) -> None:
    """Give a table that is being made its placement.  Its columns and keys must be known."""
    if options.partition_by:
        raise unsupported("PARTITION BY other than KEY")
    if options.placement and options.shard_key is not None:
        raise error("WRONG_USAGE", options.placement, "PARTITION BY")
    _check_temporary(draft.table, options)
    _check_partitions(options.partitions, notes)
    draft.table = replace(draft.table, placement=options.placement, shard_key=())
    if options.shard_key is not None:
        shard_key = check_shard_key(draft.by_name(), options.shard_key or _own_key(draft))
        draft.table = replace(draft.table, shard_key=shard_key)


def _check_temporary(table: Table, options: ast.TableOptions) -> None:
    """One session's tables are on no shard."""
    if table.temporary and options.shard_key is not None:
        raise error("FEATURE_NOT_SUPPORTED_WITH_PARTITIONING", "CREATE TEMPORARY TABLE")
    if table.temporary and options.placement:
        raise error("WRONG_USAGE", "TEMPORARY", options.placement)


def _check_partitions(count: int | None, notes: Notes) -> None:
    if count is None:
        return
    if count == 0:
        raise error("NO_PARTS", "partitions")
    if count > PARTITIONS_MAX:
        raise error("TOO_MANY_PARTITIONS")
    notes.add("UNKNOWN_ERROR", f"PARTITIONS {count} is not kept: rows are spread over all shards, however many there are")


def _own_key(draft: Draft) -> tuple[str, ...]:
    """KEY (): the primary key's columns, else those of the first unique key without NULLs, as in MySQL."""
    columns = draft.by_name()
    for kind in ("PRIMARY", "UNIQUE"):
        for key in draft.keys:
            names = tuple(part.column for part in key.parts)
            found = [columns.get(name.lower()) for name in names]
            if key.kind == kind and all(column is not None and (kind == "PRIMARY" or not column.nullable) for column in found):
                return names
    raise error("FIELD_NOT_FOUND_PART")


def check_shard_key(columns: Mapping[str, Column], shard_key: tuple[str, ...]) -> tuple[str, ...]:
    """The shard key as the columns spell their names: it names columns of the table, each once, that may be hashed."""
    names: list[str] = []
    for name in shard_key:
        column = columns.get(name.lower())
        if column is None:
            raise error("FIELD_NOT_FOUND_PART")
        if column.name in names:
            raise error("SAME_NAME_PARTITION_FIELD", column.name)
        _check_column(column)
        names.append(column.name)
    if len(names) > SHARD_KEY_COLUMNS_MAX:
        raise error("TOO_MANY_PARTITION_FIELDS", "list of partition fields")
    return tuple(names)


def _check_column(column: Column) -> None:
    if column.generated:
        raise unsupported("a generated column in the shard key")
    if column.sql_type.kind in FLOATS:
        raise unsupported("a FLOAT or DOUBLE column in the shard key")
    if not may_be_hashed(column.sql_type):
        raise error("BLOB_FIELD_IN_PART_FUNC")


def place_again(draft: Draft, options: ast.TableOptions, notes: Notes) -> None:
    """ALTER TABLE with a placement: only the one that the table has."""
    old = draft.table
    place(draft, options, notes)
    if (draft.table.placement, draft.table.shard_key) != (old.placement, old.shard_key):
        raise unsupported("ALTER TABLE to another placement")


def check_keeps_places(catalog: Catalog, old: Table, new: Table, *, renamed: bool) -> None:
    """Rows that an ALTER sends to other shards are looked for by the table's name, which must stay."""
    if catalog.slots.shards > 1 and not new.temporary and renamed and not keeps_places(old, new):
        raise unsupported("with several shards, ALTER TABLE to another shard key and another name at once")
