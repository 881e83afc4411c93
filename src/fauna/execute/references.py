"""Foreign keys over shards, kept by the query node: parents looked up and held, children restricted, deleted or changed.

A row that is written holds its parent by a shared lock; a row that goes is locked first, and then its children are looked for.
So of a transaction that adds a child and one that removes the parent one waits for the other, and sees what it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fauna.catalog.schema import Table
from fauna.catalog.types import Stored
from fauna.errors import error
from fauna.execute.row_moves import move_row
from fauna.plan.plan import ChildAction, ParentCheck
from fauna.shard.engine_errors import RaisedByTrigger
from fauna.shard.shard import MatchCheck, Transaction

DEPTH_MAX: Final = 15
"""Cascades go no deeper, as in InnoDB (error 3008 there)."""

Values = Mapping[str, Stored]  # by lower-case column name


def hold_parents(transaction: Transaction, shards: int, parents: Sequence[ParentCheck], row: Values) -> None:
    """Raise RaisedByTrigger when a parent row is missing; may raise MustWait."""
    for check in parents:
        values = [row[name] for name in check.columns]
        if None not in values and not _is_held(transaction, shards, check, values):
            raise RaisedByTrigger(check.problem)


def _is_held(transaction: Transaction, shards: int, check: ParentCheck, values: Sequence[Stored]) -> bool:
    if check.parent is None:
        return False
    match = MatchCheck(check.find, values, check.physical)
    for shard in _all(check.shards(values), shards):
        branch = transaction.writer(shard)
        rows = branch.lock_query(check.find, values, (), match=match, inline=False, shared=True)
        if rows.fetch(1):
            return True
    return False


def parents_went(transaction: Transaction, shards: int, children: Sequence[ChildAction], row: Values, depth: int = 0) -> None:
    """`row` has been deleted: what its children do."""
    for child in children:
        values = [row[name] for name in child.ref_columns]
        if None in values:
            continue
        if child.on_delete == "CASCADE":
            for shard, found in _children(transaction, shards, child, values, depth):
                _delete(transaction, shards, child, shard, found, depth)
        elif child.on_delete == "SET NULL":
            for shard, found in _children(transaction, shards, child, values, depth):
                _change(transaction, shards, child, shard, found, [None] * len(child.columns), depth)
        else:
            _restrict(transaction, shards, child, values)


def parents_changed(
    transaction: Transaction, shards: int, children: Sequence[ChildAction], old: Values, new: Values, depth: int = 0
) -> None:
    """A row has been changed from `old` to `new`: what its children do."""
    for child in children:
        before, after = [old[name] for name in child.ref_columns], [new[name] for name in child.ref_columns]
        if None in before or before == after:
            continue
        if child.on_update in ("CASCADE", "SET NULL"):
            values = after if child.on_update == "CASCADE" else [None] * len(after)
            for shard, found in _children(transaction, shards, child, before, depth):
                _change(transaction, shards, child, shard, found, values, depth)
        else:
            _restrict(transaction, shards, child, before)


def _restrict(transaction: Transaction, shards: int, child: ChildAction, values: Sequence[Stored]) -> None:
    match = MatchCheck(child.match, values, child.table.physical)
    for shard in _all(child.shards(values), shards):
        branch = transaction.writer(shard)
        if branch.lock_query(child.match, values, (), match=match, inline=False, shared=True).fetch(1):
            raise RaisedByTrigger(child.problem)


def _children(
    transaction: Transaction, shards: int, child: ChildAction, values: Sequence[Stored], depth: int
) -> list[tuple[int, tuple[Stored, ...]]]:
    """The child rows, locked, with their shard; of a copied table from the first."""
    if depth >= DEPTH_MAX:
        raise error("UNKNOWN_ERROR", f"Foreign key cascade delete/update exceeds max depth of {DEPTH_MAX}")
    match = MatchCheck(child.match, values, child.table.physical)
    found = []
    for shard in _all(child.shards(values), shards):
        rows = transaction.writer(shard).lock_query(child.select, values, (), match=match, inline=False)
        found += [(shard, row) for row in rows]
    return found


def _delete(
    transaction: Transaction, shards: int, child: ChildAction, shard: int, found: tuple[Stored, ...], depth: int
) -> None:
    for each in range(shards) if child.spread == "BROADCAST" else (shard,):
        transaction.writer(each).write(child.delete, (found[0],))
    parents_went(transaction, shards, child.children(), dict(zip(child.names, found[1:], strict=True)), depth + 1)


def _change(
    transaction: Transaction, shards: int, child: ChildAction, shard: int, found: tuple[Stored, ...], values: Sequence[Stored],
    depth: int,
) -> None:  # fmt: skip
    for each in range(shards) if child.spread == "BROADCAST" else (shard,):
        transaction.writer(each).write(child.update, [found[0], *values])
    old = dict(zip(child.names, found[1:], strict=True))
    new = {**old, **dict(zip(child.columns, values, strict=True))}
    if child.move is not None:
        move_row(transaction, child.move, shard, _rowid(child.table, found[0], new))
    parents_changed(transaction, shards, child.children(), old, new, depth + 1)


def _rowid(table: Table, rowid: Stored, row: Values) -> Stored:
    column = table.rowid_column
    return rowid if column is None else row[column.name.lower()]


def _all(found: Sequence[int] | None, shards: int) -> Sequence[int]:
    return range(shards) if found is None else found
