"""Where a table's rows are: spread by the hash of a shard key, copied to every shard, or all on one.

    HASH        PARTITION BY KEY (columns); without it the columns of the primary key, else the hidden row id
    BROADCAST   on every shard
    SINGLE      on shard SINGLE_SHARD
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from typing import Literal as OneOf

from fauna.catalog.rebuild import keeps_values
from fauna.catalog.schema import Column, Table
from fauna.catalog.shard_slots import comparison_class, may_be_hashed

SINGLE_SHARD: Final = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """columns: the shard key, in its order; empty for the hidden row id, and without HASH."""

    kind: OneOf["HASH", "BROADCAST", "SINGLE"]
    columns: tuple[Column, ...] = ()


def placement_of(table: Table) -> Placement:
    if table.placement:
        return Placement(table.placement)
    names = table.shard_key or _default_key(table)
    return Placement("HASH", tuple(table.by_name[name.lower()] for name in names))


def _default_key(table: Table) -> tuple[str, ...]:
    """The primary key, if equal keys are sure to have equal hashes: not if it holds a FLOAT, or a prefix of a column."""
    key = table.primary_key
    if key is None or any(part.length is not None for part in key.parts):
        return ()
    names = tuple(part.column for part in key.parts)
    return names if all(may_be_hashed(table.by_name[name.lower()].sql_type) for name in names) else ()


def co_located(a: Table, b: Table) -> bool:
    """Whether rows that are equal in all columns of the two shard keys, pairwise in their order, are on one shard."""
    here, there = placement_of(a), placement_of(b)
    if "BROADCAST" in (here.kind, there.kind):
        return True
    if here.kind != there.kind:
        return False
    if here.kind == "SINGLE":
        return True
    # The hidden row ids of two tables have nothing to do with each other.
    return bool(here.columns) and [*map(comparison_class, here.columns)] == [*map(comparison_class, there.columns)]


def keeps_places(old: Table, new: Table) -> bool:
    """Whether an ALTER from one to the other is sure to leave each row where it is.  Columns are known by their number."""
    before, after = placement_of(old), placement_of(new)
    if before.kind != after.kind or len(before.columns) != len(after.columns):
        return False
    return all(
        was.number == now.number
        and comparison_class(was) == comparison_class(now)
        and keeps_values(was.sql_type, now.sql_type)
        for was, now in zip(before.columns, after.columns, strict=True)
    )
