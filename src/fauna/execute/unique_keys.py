"""Unique keys whose rows may be on any shard: before a row is written its keys are locked on its own shard, then looked for on
the others.  Of two transactions that write the same key on two shards at least one so finds the other's lock, or its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fauna.catalog.schema import Table
from fauna.catalog.types import Stored
from fauna.plan.plan import SpreadKey
from fauna.shard.engine_errors import UniqueViolation
from fauna.shard.shard import Transaction

EqualKey = Callable[[str, str], Stored]
"""(collation, text) -> equal exactly for texts that are equal by it"""


@dataclass(frozen=True, slots=True)
class Taken:
    """`shard` has a row with the same value of `key`."""

    shard: int
    key: SpreadKey

    def problem(self, table: Table) -> UniqueViolation:
        """What the engine says of a key of its own that is taken."""
        columns = tuple([table.by_name[name].physical for name in self.key.columns])
        named = f"index '{self.key.index}'" if self.key.index else ", ".join(f"{table.physical}.{c}" for c in columns)
        index = self.key.index
        return UniqueViolation(f"UNIQUE constraint failed: {named}", table.physical, columns, index, primary=not index)


def claim(
    transaction: Transaction,
    shards: int,
    equal_key: EqualKey,
    table: Table,
    keys: Sequence[SpreadKey],
    row: Mapping[str, Stored],
    shard: int,
    *,
    inline: bool = False,
) -> Taken | None:
    """Make sure that `row` (columns by lower-case name), which goes to `shard`, has `keys` for itself on all other shards, or
    tell who has one.  May raise MustWait."""
    wanted = []
    for key in keys:
        values = [row[name] for name in key.columns]
        if None not in values:
            wanted.append((key, values, lock_key(table, key, values, equal_key)))
    if not wanted:
        return None
    transaction.writer(shard).claim([lock for _, _, lock in wanted if lock is not None])
    for other in range(shards):
        if other == shard:
            continue
        branch = transaction.writer(other)
        for key, values, lock in wanted:
            if lock is None:
                branch.lock()  # its values are not among the row locks: nobody else may write there
            if branch.finds([lock] if lock is not None else [], key.find, values, inline=inline):
                return Taken(other, key)
    return None


def lock_key(table: Table, key: SpreadKey, values: Sequence[Stored], equal_key: EqualKey) -> tuple[Stored, ...] | None:
    """What stands for the key among the row locks; None: nothing does."""
    if not key.locks:
        return None
    if not key.index:
        return (table.physical, values[0])
    parts = [
        equal_key(collation, value) if isinstance(value, str) and collation else value
        for value, collation in zip(values, key.collations, strict=True)
    ]
    return (table.physical, key.index, *parts)
