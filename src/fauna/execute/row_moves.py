"""A row whose shard key has been changed goes to the shard that the new key names."""

from __future__ import annotations

from fauna.catalog.types import Stored
from fauna.plan.plan import RowMove
from fauna.shard.shard import Transaction


def move_row(transaction: Transaction, move: RowMove, shard: int, rowid: Stored) -> None:
    """Move the row, changed already, from `shard` to where it belongs now; UniqueViolation when that shard has one like it."""
    here = transaction.writer(shard)
    (row,) = here.query(move.select, (rowid,), (), inline=False)
    there = move.shard_of([row[position] for position in move.positions])
    if there != shard:
        here.write(move.delete, (rowid,))
        transaction.writer(there).write(move.insert, row)
