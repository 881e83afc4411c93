"""INSERT, UPDATE and DELETE plans on a branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fauna.catalog.schema import Table
from fauna.catalog.types import Stored, from_unsigned, to_unsigned
from fauna.errors import SqlError
from fauna.execute.auto_increment import AutoIncrement
from fauna.plan.plan import DeletePlan, InsertPlan, RowwiseDeletePlan, RowwiseUpdatePlan, ShardStatement, Supply, UpdatePlan
from fauna.session.result import MustMove, Row
from fauna.shard.engine_errors import CheckViolation, EngineError, NotNullViolation, RaisedByTrigger, UniqueViolation
from fauna.shard.shard import Branch, MatchCheck
from fauna.sql.context import StatementContext

Args = Sequence[Stored]


@dataclass(slots=True)
class Counts:
    """What a writing statement did.  insert_id goes into the OK packet, generated_id into LAST_INSERT_ID()."""

    affected: int = 0
    matched: int = 0
    changed: int = 0
    records: int = 0
    duplicates: int = 0
    insert_id: int = 0
    generated_id: int = 0
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """One run of a writing plan.

    explain  turns an engine's complaint into MySQL's error, given the values of the row at fault
    """

    branch: Branch
    supply: Supply
    context: StatementContext
    autos: AutoIncrement
    explain: Callable[[EngineError, Table, Sequence[Stored] | None, Sequence[Any]], SqlError]
    found_rows: bool = False
    zero_is_value: bool = False
    inline: bool = False


def check(run: Run, statement: ShardStatement, args: Args, table: str) -> MatchCheck:
    return MatchCheck(statement.sql, statement.params.build(args, run.supply), table)


# ── INSERT ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(run: Run, plans: Sequence[tuple[InsertPlan, Iterable[Args]]]) -> Iterator[Sequence[Stored]]:
    context, supply = run.context, run.supply
    number = 0
    for plan, arg_rows in plans:
        programs = [(p.values.build if p.values is not None else None, p.evaluate) for p in plan.rows]
        for args in arg_rows:
            for build, evaluate in programs:
                number += 1
                context.row = number
                if build is not None:
                    yield build(args, supply)
                else:
                    assert evaluate is not None
                    yield _evaluated(run, evaluate, args)


def _evaluated(run: Run, statement: ShardStatement, args: Args) -> Row:
    rows = list(run.branch.query(statement.sql, statement.params.build(args, run.supply), (), inline=False))
    return rows[0]


def _queried(run: Run, plan: InsertPlan, args: Args) -> Iterator[Row]:
    assert plan.query is not None
    rows = run.branch.query(plan.query.sql, plan.query.params.build(args, run.supply), plan.reads(args, run.supply), inline=False)
    source: Iterable[Row] = list(rows) if plan.query_reads_target or plan.upsert or plan.delete or plan.ignore else rows
    for number, row in enumerate(source, 1):
        run.context.row = number
        yield row


class _Inserter:
    def __init__(self, run: Run, plan: InsertPlan, counts: Counts) -> None:
        self.run = run
        self.plan = plan
        self.counts = counts
        self.auto = plan.auto
        self.state = run.autos.state(plan.table, run.branch) if plan.auto >= 0 else None
        self.next_before = self.state.next if self.state is not None else 0
        self.unsigned = plan.auto >= 0 and plan.columns[plan.auto].sql_type.is_big_unsigned
        self.last: Sequence[Stored] = ()

    def insert_all(self, rows: Iterator[Sequence[Stored]], first: tuple[InsertPlan, Iterable[Args]]) -> None:
        plan = self.plan
        if plan.ignore or plan.delete or plan.upsert or plan.returning is not None:
            args = self._upsert_args(first)
            for row in rows:
                self._one(self.numbered(row), args)
            return
        try:
            written = self.run.branch.write_many(plan.insert, map(self.numbered, rows))
        except EngineError as problem:
            raise self.run.explain(problem, plan.table, self.last, plan.columns) from None
        self.counts.records += written.changes
        self.counts.affected += written.changes

    def _upsert_args(self, first: tuple[InsertPlan, Iterable[Args]]) -> Sequence[Stored]:
        if self.plan.upsert_params is None:
            return ()
        return self.plan.upsert_params.build(self.tail, self.run.supply)

    tail: Args = ()

    def numbered(self, row: Sequence[Stored]) -> Sequence[Stored]:
        """The row with its AUTO_INCREMENT value."""
        self.last = row
        state = self.state
        if state is None:
            return row
        value = row[self.auto]
        if value is None or value == 0 and not self.run.zero_is_value:
            number = state.take(self.plan.table)
            if not self.counts.generated_id:
                self.counts.generated_id = number
            changed = list(row)
            changed[self.auto] = to_unsigned(number) if self.unsigned else number
            self.last = changed
            return changed
        number = from_unsigned(value) if isinstance(value, bytes) else int(value)
        state.seen(number)
        self.counts.insert_id = number
        return row

    def _one(self, row: Sequence[Stored], upsert_args: Sequence[Stored]) -> None:
        plan, counts, branch = self.plan, self.counts, self.run.branch
        counts.records += 1
        try:
            if plan.delete:
                gone = branch.write(plan.delete, [row[i] for i in plan.delete_positions]).changes
                counts.duplicates += gone
                counts.affected += gone
            if plan.upsert:
                self._upsert(row, upsert_args)
                return
            written = branch.write(plan.insert, row)
            counts.affected += written.changes
            counts.rows.extend(written.rows)
        except EngineError as problem:
            found = self.run.explain(problem, plan.table, row, plan.columns)
            if not plan.ignore or not isinstance(problem, (UniqueViolation, NotNullViolation, CheckViolation, RaisedByTrigger)):
                raise found from None
            counts.duplicates += 1
            self.run.context.warn_error(found)

    def _upsert(self, row: Sequence[Stored], upsert_args: Sequence[Stored]) -> None:
        context, counts = self.run.context, self.counts
        context.matched = context.changed = 0
        written = self.run.branch.write(self.plan.upsert, [*row, *upsert_args])
        counts.rows.extend(written.rows)
        if not context.matched:
            counts.affected += 1
            return
        counts.duplicates += 1
        counts.affected += 2 if context.changed else 1 if self.run.found_rows else 0

    def finish(self) -> None:
        state = self.state
        if state is not None and state.next != self.next_before:
            self.run.autos.save(self.plan.table, state, self.run.branch)
        if self.counts.generated_id:
            self.counts.insert_id = self.counts.generated_id


def insert(run: Run, plans: Sequence[tuple[InsertPlan, Iterable[Args]]], tail: Args) -> Counts:
    """Insert the rows of `plans`, which differ only in the shape of their rows; `tail` are the arguments of the rest of the
    statement (ON DUPLICATE KEY UPDATE, a SELECT)."""
    plan = plans[0][0]
    run.branch.lock()
    counts = Counts()
    inserter = _Inserter(run, plan, counts)
    inserter.tail = tail
    run.branch.begin_statement()
    kept = False
    try:
        rows = _queried(run, plan, tail) if plan.query is not None else _rows(run, plans)
        inserter.insert_all(rows, plans[0])
        inserter.finish()
        kept = True
    finally:
        run.branch.end_statement(keep=kept)
    return counts


# ── UPDATE and DELETE ────────────────────────────────────────────────────────────────────────────────────────────


def update(run: Run, plan: UpdatePlan, args: Args) -> Counts:
    run.branch.lock()
    context = run.context
    context.matched = context.changed = 0
    statement = plan.statement
    try:
        run.branch.write(
            statement.sql, statement.params.build(args, run.supply), match=check(run, plan.match, args, plan.table.physical), inline=run.inline
        )
    except EngineError as problem:
        raise run.explain(problem, plan.table, None, ()) from None
    return Counts(context.matched if run.found_rows else context.changed, context.matched, context.changed)


def update_rowwise(run: Run, plan: RowwiseUpdatePlan, args: Args) -> Counts:
    if run.inline:
        raise MustMove
    branch, context = run.branch, run.context
    branch.lock()
    statement = plan.select
    rows = list(branch.lock_query(statement.sql, statement.params.build(args, run.supply), plan.reads(args, run.supply), inline=False))
    matched = changed = 0
    branch.begin_statement()
    kept = False
    try:
        for target in plan.targets:
            seen: set[Stored] = set()
            for row in rows:
                values = row[target.first : target.first + target.width]
                if values[0] is None or values[0] in seen:
                    continue
                seen.add(values[0])
                context.matched = context.changed = 0
                try:
                    branch.write(target.sql, values)
                except EngineError as problem:
                    found = run.explain(problem, target.table, None, ())
                    if not plan.ignore:
                        raise found from None
                    context.warn_error(found)
                matched += 1
                changed += context.changed
        kept = True
    finally:
        branch.end_statement(keep=kept)
    return Counts(matched if run.found_rows else changed, matched, changed)


def delete(run: Run, plan: DeletePlan, args: Args) -> Counts:
    run.branch.lock()
    statement = plan.statement
    try:
        written = run.branch.write(
            statement.sql, statement.params.build(args, run.supply), match=check(run, plan.match, args, plan.table.physical), inline=run.inline
        )
    except EngineError as problem:
        raise run.explain(problem, plan.table, None, ()) from None
    counts = Counts(written.changes)
    counts.rows.extend(written.rows)
    return counts


def delete_rowwise(run: Run, plan: RowwiseDeletePlan, args: Args) -> Counts:
    if run.inline:
        raise MustMove
    branch = run.branch
    branch.lock()
    statement = plan.select
    rows = list(branch.lock_query(statement.sql, statement.params.build(args, run.supply), plan.reads(args, run.supply), inline=False))
    gone = 0
    branch.begin_statement()
    kept = False
    try:
        for position, (table, sql) in enumerate(plan.targets):
            for rowid in dict.fromkeys(row[position] for row in rows if row[position] is not None):
                try:
                    gone += branch.write(sql, (rowid,)).changes
                except EngineError as problem:
                    found = run.explain(problem, table, None, ())
                    if not plan.ignore:
                        raise found from None
                    run.context.warn_error(found)
        kept = True
    finally:
        branch.end_statement(keep=kept)
    return Counts(gone)


__all__ = ["Counts", "Run", "delete", "delete_rowwise", "insert", "update", "update_rowwise"]
