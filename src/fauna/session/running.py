"""One run of a finished plan: on which branch, in which context, and what its result says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Table
from fauna.catalog.types import Stored
from fauna.catalog.violations import explain_violation
from fauna.errors import SqlError, error
from fauna.execute import over_shards, point_writes, short_sort, writing
from fauna.plan.plan import DeletePlan, InsertPlan, Plan, QueryPlan, RowwiseUpdatePlan, ShardStatement, ShortSort, UpdatePlan
from fauna.session import past, reading
from fauna.session.result import MustMove, Result, ResultColumn, Row
from fauna.session.table_expressions import compile_expression, parse_expression
from fauna.shard.engine_errors import EngineError, NoSuchObject, Overflow, UniqueViolation
from fauna.shard.shard import MatchCheck, Rows, Transaction
from fauna.sql.bind.expression_text import with_arguments
from fauna.sql.context import StatementContext, set_current
from fauna.sql.narrow import NarrowOverflow
from fauna.sql.user_variables import kept

if TYPE_CHECKING:
    from fauna.session.session import Session

BATCH_ROWS: Final = 512
FIRST: Final = (SINGLE_SHARD,)
Args = Sequence[Stored]


def run(session: Session, plan: Plan, args: Args, inline: bool) -> Result:
    """Run `plan` once."""
    if isinstance(plan, QueryPlan):
        return query(session, plan, args, inline)
    if isinstance(plan, InsertPlan):
        return insert(session, [(plan, (args,))], inline)
    return change(session, plan, args, inline)


# ── queries ──────────────────────────────────────────────────────────────────────────────────────────────────────


def query(session: Session, plan: QueryPlan, args: Args, inline: bool) -> Result:
    if plan.locking and session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")  # it would keep blocks from being applied
    context = session.new_context(storing=False)
    session.sequences_ready(plan, inline)
    sort = plan.short_sort if inline else None
    statement = plan.statement if sort is None else sort.statement
    if plan.past:
        return _past_query(session, plan, statement, args, inline, sort)
    transactions = session.transactions
    transaction = transactions.for_locking() if plan.locking else transactions.for_reading(tables=bool(plan.tables))
    if sort is not None and over_shards.home(plan.distribution, args, session.supply) is None:
        raise MustMove
    if transaction is None:
        if plan.tables:
            session.transactions.stood_alone()
        rows = reading.read(session, None, statement, plan.distribution, args, (), inline=inline)
    else:
        rows = _in_transaction(session, transaction, plan, statement, args, inline)
    if plan.count is not None:
        session.found_rows = _counted_rows(session, transaction, plan, args)
    if plan.into:
        return _into(session, plan, rows)
    if plan.sequences or plan.locking and not session.transactions.explicit:
        return _all_at_once(session, plan, rows, context)
    return _result(session, plan, rows, context, args, sort)


def _past_query(
    session: Session, plan: QueryPlan, statement: ShardStatement, args: Args, inline: bool, sort: ShortSort | None
) -> Result:
    """What was is the same in every transaction."""
    session.transactions.must_open_tables()
    if not session.transactions.explicit:
        session.transactions.stood_alone()
    rows = reading.read_past(session, statement, plan.distribution, args, inline=inline)
    if plan.count is not None:
        counted = reading.read_past(session, plan.count, plan.count_distribution, args, inline=False)
        session.found_rows = int(next(counted)[0])  # type: ignore[arg-type]
        counted.close()
    if plan.into:
        return _into(session, plan, rows)
    if plan.sequences:
        return _all_at_once(session, plan, rows, session.context)
    return _result(session, plan, rows, session.context, args, sort)


def _in_transaction(
    session: Session, transaction: Transaction, plan: QueryPlan, statement: ShardStatement, args: Args, inline: bool
) -> Rows:
    reads = plan.reads(args, session.supply)
    try:
        if not plan.locking:
            return reading.read(session, transaction, statement, plan.distribution, args, reads, inline=inline)
        match = None
        if plan.match is not None:
            match = MatchCheck(plan.match.sql, plan.match.params.build(args, session.supply), plan.match_table)
        if plan.locking == "NOWAIT":
            transaction.lock_wait_timeout_s = 0.0
        elif plan.locking.isdigit():
            transaction.lock_wait_timeout_s = float(plan.locking)
        return reading.lock_and_read(
            session, transaction, statement, plan.distribution, args, reads, match=match, inline=inline
        )
    except EngineError as problem:
        if isinstance(problem, (NoSuchObject, Overflow)):
            raise
        raise problem.sql_error() from None


def _counted_rows(session: Session, transaction: Transaction | None, plan: QueryPlan, args: Args) -> int:
    """What FOUND_ROWS() gives under SQL_CALC_FOUND_ROWS."""
    assert plan.count is not None
    reads = plan.reads(args, session.supply)
    rows = reading.read(session, transaction, plan.count, plan.count_distribution, args, reads, inline=False)
    return int(list(rows)[0][0])  # type: ignore[arg-type]


def _all_at_once(session: Session, plan: QueryPlan, rows: Rows, context: StatementContext) -> Result:
    """Read to the end before answering: values of sequences may run out, and a lock of the statement alone must go."""
    listed: list[Row] = []
    while batch := rows.fetch(BATCH_ROWS):
        listed += batch
    session.sequences_moved()
    durable = session.transactions.end_statement()
    session.row_count = -1
    if plan.count is None:
        session.found_rows = len(listed)
    return Result(plan.columns, iter(listed), warnings=context.warnings_count, status=session.status, ready=True, durable=durable)


def _result(
    session: Session, plan: QueryPlan, rows: Rows, context: StatementContext, args: Args, sort: ShortSort | None = None
) -> Result:
    session.row_count = -1
    if rows.ready:
        listed = list(rows)
        if sort is not None:
            listed = short_sort.in_order(listed, sort)
        if plan.count is None:
            session.found_rows = len(listed)
        if context.insert_id is not None:
            session.last_insert_id = context.insert_id
        return Result(plan.columns, iter(listed), warnings=context.warnings_count, status=session.status, ready=True)
    session.keep_context()  # the stream's, while other statements run
    return Result(plan.columns, _stream(session, rows, context, plan, args), warnings=0, status=session.status, close=rows.close)


def _stream(session: Session, rows: Rows, context: StatementContext, plan: QueryPlan, args: Args) -> Iterator[Row]:
    count = 0
    try:
        while True:
            set_current(context)
            try:
                batch = rows.fetch(BATCH_ROWS)
            except EngineError as problem:
                raise problem.sql_error() from None
            except NarrowOverflow:
                raise error("DATA_OUT_OF_RANGE", "DECIMAL", "the expression") from None
            except SqlError as problem:
                raise with_arguments(problem, lambda: args) from None
            if not batch:
                break
            count += len(batch)
            yield from batch
        if plan.count is None:
            session.found_rows = count
        if context.insert_id is not None:
            session.last_insert_id = context.insert_id
    finally:
        rows.close()


def _into(session: Session, plan: QueryPlan, rows: Rows) -> Result:
    """SELECT … INTO @a, @b."""
    listed = rows.fetch(2)
    rows.close()
    if len(listed) > 1:
        raise error("TOO_MANY_ROWS")
    if len(plan.into) != len(plan.columns):
        raise error("WRONG_NUMBER_OF_COLUMNS_IN_SELECT")
    durable = session.transactions.end_statement() if plan.locking else None
    if listed:
        for name, column, value in zip(plan.into, plan.columns, listed[0], strict=False):
            session.user_variables[name.lower()] = kept(column.sql_type, value)
        session.scope_changed()
    else:
        session.context.warn("SP_FETCH_NO_DATA")
    session.row_count = len(listed)
    return Result(affected_rows=len(listed), warnings=session.context.warnings_count, status=session.status, durable=durable)


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def writable(session: Session) -> Transaction:
    """The transaction to write in."""
    if session.node.read_only:
        raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
    return session.transactions.for_writing()


def locked(session: Session, plan: InsertPlan) -> Transaction:
    """The transaction to write in, with the plan's shards locked; it must have been made for the catalog as it is now."""
    transaction = writable(session)
    lock(session, transaction, _all(session, plan.place is not None))
    return transaction


def lock(session: Session, transaction: Transaction, shards: Iterable[int]) -> None:
    """In the order of their numbers, as everybody does it."""
    for shard in shards:
        transaction.writer(shard).lock()
    session.must_be_current()


def _all(session: Session, spread: bool) -> Iterable[int]:
    """The shards that a table's rows may be on."""
    return range(session.slots.shards) if spread else FIRST


def insert(
    session: Session, plans: Sequence[tuple[InsertPlan, Iterable[Args]]], inline: bool, *, keep_context: bool = False
) -> Result:
    """Insert the rows of plans that differ in the shape of their rows alone."""
    plan, first = plans[0]
    if inline and plan.query is not None:
        raise MustMove
    transaction = writable(session)
    point = plan.point is not None and session.transactions.explicit
    shards = _all(session, plan.place is not None)
    many = (
        plan.query is not None or len(plans) > 1 or len(plan.rows) > 1 or not isinstance(first, (list, tuple)) or len(first) > 1
    )
    # One row's shard is known, and locked, once the row is.
    if plan.parents or plan.children or plan.late_keys:
        shards = range(session.slots.shards)
    if not point and (many or not plan.is_plain or plan.place is None or plan.parents or plan.late_keys):
        lock(session, transaction, shards)
    context = session.context if keep_context else session.new_context(storing=True)
    if plan.ignore:
        context.strict = False
    context.null_fails = context.strict or not (many or plan.ignore)
    for condition, *parts in plan.notes:
        context.warn(condition, *parts)
    session.sequences_ready(plan, inline)
    tail = first[0] if isinstance(first, (list, tuple)) else ()
    run_ = run_of(session, transaction, context, inline)
    counts = point_writes.insert(run_, plan, tail) if point and not many else None
    if counts is None:
        if point:
            lock(session, transaction, shards)
        counts = writing.insert(run_, plans, tail)
    if counts.generated_id:
        session.last_insert_id = counts.generated_id
    if context.insert_id is not None:
        session.last_insert_id = counts.insert_id = context.insert_id
    session.variables.values["insert_id"] = 0
    info = ""
    if many:
        info = f"Records: {counts.records}  Duplicates: {counts.duplicates}  Warnings: {context.warnings_count}"
    return finished(session, counts, info, plan.returning)


def change(session: Session, plan: Plan, args: Args, inline: bool) -> Result:
    """UPDATE or DELETE."""
    transaction = writable(session)
    point = session.transactions.explicit and isinstance(plan, (UpdatePlan, DeletePlan)) and plan.point is not None
    shards = writing.shards_of(plan, args, session.supply, session.slots.shards)
    if not point:
        lock(session, transaction, shards)
    context = session.new_context(storing=isinstance(plan, (UpdatePlan, RowwiseUpdatePlan)))
    session.sequences_ready(plan, inline)
    run_ = run_of(session, transaction, context, inline)
    if isinstance(plan, (UpdatePlan, RowwiseUpdatePlan)):
        if plan.ignore:
            context.strict = False
        context.null_fails = context.strict
        counts = _update(session, run_, plan, args, shards, point=point)
        info = f"Rows matched: {counts.matched}  Changed: {counts.changed}  Warnings: {context.warnings_count}"
        if context.insert_id is not None:
            session.last_insert_id = counts.insert_id = context.insert_id
        return finished(session, counts, info, None)
    if isinstance(plan, DeletePlan):
        gone = point_writes.delete(run_, plan, args) if point else None
        if gone is None:
            lock(session, transaction, shards)
            gone = writing.delete(run_, plan, args)
        return finished(session, gone, "", plan.returning)
    assert not isinstance(plan, (QueryPlan, InsertPlan))
    return finished(session, writing.delete_rowwise(run_, plan, args), "", None)


def _update(
    session: Session, run_: writing.Run, plan: UpdatePlan | RowwiseUpdatePlan, args: Args, shards: Iterable[int], *, point: bool
) -> writing.Counts:
    if isinstance(plan, RowwiseUpdatePlan):
        return writing.update_rowwise(run_, plan, args)
    counts = point_writes.update(run_, plan, args) if point else None
    if counts is None:
        lock(session, run_.transaction, shards)
        counts = writing.update(run_, plan, args)
    return counts


def run_of(session: Session, transaction: Transaction, context: StatementContext, inline: bool) -> writing.Run:
    values = session.variables.values
    return writing.Run(
        transaction,
        session.slots.shards,
        session.node.row_ids,
        lambda statement, distribution, args, reads, lock: (reading.lock_and_read if lock else reading.read)(
            session, transaction, statement, distribution, args, reads, inline=False
        ),
        session.node.equal_key,
        session.supply,
        context,
        session.node.auto_increments,
        lambda problem, table, row, columns: explain(session, problem, table, row, columns),
        session.must_be_current,
        session.client.found_rows,
        "NO_AUTO_VALUE_ON_ZERO" in values["sql_mode"],
        inline,
        values["auto_increment_increment"],
        values["auto_increment_offset"],
        values["insert_id"],
    )


def finished(session: Session, counts: writing.Counts, info: str, returning: tuple[ResultColumn, ...] | None) -> Result:
    """The answer to a change, committed when it stands alone."""
    past.must_be_kept(session, session.past_states)  # rows may have been written by a statement that read the past itself
    session.row_count = counts.affected if returning is None else -1
    warnings = session.context.warnings_count
    if session.sequences.moved:
        session.sequences_moved()
    durable = session.transactions.end_statement()
    if returning is not None:
        return Result(
            returning, iter(counts.rows), counts.affected, counts.insert_id, warnings, "", session.status, durable, ready=True
        )
    return Result(None, iter(()), counts.affected, counts.insert_id, warnings, info, session.status, durable)


def explain(
    session: Session, problem: EngineError, table: Table, row: Sequence[Stored] | None, columns: Sequence[Any]
) -> SqlError:
    """MySQL's error for a broken constraint.  columns: of `row`, or their lower-case names."""
    if isinstance(problem, (NoSuchObject, Overflow)):
        raise problem
    violation = explain_violation(session.catalog, problem.text)
    if violation is None:
        return problem.sql_error()
    values: list[Stored] = []
    if isinstance(problem, UniqueViolation) and violation.index is not None and row is not None:
        given = dict(zip([c if isinstance(c, str) else c.name.lower() for c in columns], row, strict=False))
        values = [_key_value(session, violation.table, part.column.lower(), given) for part in violation.index.parts]
    return violation.to_error(values)


def _key_value(session: Session, table: Table, name: str, given: dict[str, Stored]) -> Stored:
    """A key's value in a row that is being inserted; what a generated column would hold is computed."""
    column = table.column(name)
    if column is None or not column.generated or name in given:
        return given.get(name)
    text, _ = compile_expression(session, table, parse_expression(column.generated))
    known = [(c, given[c.name.lower()]) for c in table.columns if c.name.lower() in given]
    source = ", ".join(f"?{i + 1} AS {c.physical}" for i, (c, _) in enumerate(known))
    try:
        rows = list(
            session.node.shard.autocommit_query(f"SELECT {text} FROM (SELECT {source})", [v for _, v in known], inline=False)
        )
    except (EngineError, SqlError):
        return None
    return rows[0][0]
