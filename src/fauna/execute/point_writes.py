"""INSERT, UPDATE and DELETE of one row by its rowid, inside a transaction: the row is locked and read now, and written with the
others when the transaction commits, so that the shard's write lock is not needed before.

Each function returns None when the statement has to go the general way (`writing`) after all: the row may be locked, nothing
else was done.
"""

from __future__ import annotations

from collections.abc import Sequence

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.types import Stored
from fauna.execute.writing import Args, Counts, Run, assignments
from fauna.plan.plan import DeletePlan, InsertPlan, PointWrite, UpdatePlan
from fauna.session.result import Row
from fauna.shard.shard import Branch


def insert(run: Run, plan: InsertPlan, args: Args) -> Counts | None:
    point, program = plan.point, plan.rows[0].values
    if point is None or program is None:
        return None
    rowid = point.rowid(args, run.supply)
    if type(rowid) is not int or plan.auto >= 0 and not run.autos.is_behind(plan.table, rowid):
        return None
    found = _row(run, point, plan.table.physical, rowid, (rowid,))
    if found is None or found:  # there is one: the general way says which key it has
        return None
    values = program.build(args, run.supply)
    if _lacks(values, point):
        return None
    _branch(run, point, rowid).write_row("INSERT", plan.table.physical, rowid, point.write, values)
    return Counts(affected=1, records=1, insert_id=rowid if plan.auto >= 0 else 0)


def update(run: Run, plan: UpdatePlan, args: Args) -> Counts | None:
    point = plan.point
    if point is None:
        return None
    rowid = point.rowid(args, run.supply)
    if type(rowid) is not int:
        return None
    context = run.context
    context.matched = context.changed = 0
    params = assignments(point.select.params, args, run.supply)
    found = _row(run, point, plan.table.physical, rowid, params)
    if found is None:
        return None
    for changes, *values in found:
        if changes:
            if _lacks(values, point):
                return None
            values.append(rowid)
            _branch(run, point, rowid).write_row("UPDATE", plan.table.physical, rowid, point.write, values)
    return Counts(context.matched if run.found_rows else context.changed, context.matched, context.changed)


def delete(run: Run, plan: DeletePlan, args: Args) -> Counts | None:
    point = plan.point
    if point is None:
        return None
    rowid = point.rowid(args, run.supply)
    if type(rowid) is not int:
        return None
    found = _row(run, point, plan.table.physical, rowid, point.select.params.build(args, run.supply))
    if found is None:
        return None
    if found:
        _branch(run, point, rowid).write_row("DELETE", plan.table.physical, rowid, point.write, (rowid,))
    return Counts(len(found))


def _branch(run: Run, point: PointWrite, rowid: int) -> Branch:
    return run.transaction.writer(point.shard_of((rowid,)) if point.shard_of is not None else SINGLE_SHARD)


def _row(run: Run, point: PointWrite, table: str, rowid: int, params: Sequence[Stored]) -> Sequence[Row] | None:
    found = _branch(run, point, rowid).read_row(table, rowid, point.select.sql, params, inline=run.inline)
    run.must_be_current()  # from here on nobody changes the table's definition
    return found


def _lacks(values: Sequence[Stored], point: PointWrite) -> bool:
    """Whether a value is NULL that must not be."""
    return any(values[i] is None for i in point.required)
