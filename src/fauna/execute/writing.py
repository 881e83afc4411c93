"""INSERT, UPDATE and DELETE plans on a branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

from fauna.catalog.placement import SINGLE_SHARD
from fauna.catalog.schema import Index, Table
from fauna.catalog.types import UINT64_MAX, Stored, from_unsigned, to_unsigned
from fauna.errors import SqlError
from fauna.execute import over_shards
from fauna.execute.auto_increment import AutoIncrement, Numbers
from fauna.execute.references import hold_parents, parents_changed, parents_went
from fauna.execute.row_ids import RowIds
from fauna.execute.row_moves import move_row
from fauna.execute.unique_keys import EqualKey, Taken, claim
from fauna.plan.plan import (
    DeletePlan,
    Distribution,
    InsertPlan,
    Parameters,
    Plan,
    RowPlace,
    RowProgram,
    RowwiseDeletePlan,
    RowwiseUpdatePlan,
    ShardStatement,
    SpreadKey,
    Supply,
    TargetDelete,
    TargetUpdate,
    UpdatePlan,
)
from fauna.session.result import MustMove, Row
from fauna.shard.engine_errors import (
    CheckViolation,
    EngineError,
    NotNullViolation,
    RaisedByTrigger,
    TypeViolation,
    UniqueViolation,
)
from fauna.shard.shard import Branch, MatchCheck, Rows, TableAccess, Transaction, Written
from fauna.sql.context import StatementContext

Args = Sequence[Stored]
BATCH_ROWS: Final = 256
_ROW: Final = "fauna_row"
_UINT64_MAX: Final = (1 << 64) - 1
_FIRST: Final = (SINGLE_SHARD,)


class ConstantRefused(Exception):
    """A constant of SET does not fit its column.  Whether that matters depends on whether a row gets it: the statement is
    bound again with `BindContext.constants_by_row`."""

    def __init__(self, problem: SqlError) -> None:
        super().__init__(problem.message)
        self.problem = problem


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


class Read(Protocol):
    def __call__(
        self, statement: ShardStatement, distribution: Distribution | None, args: Args, reads: Sequence[TableAccess], lock: bool
    ) -> Rows: ...


@dataclass(slots=True)
class Run:
    """One run of a writing plan.

    shards   how many there are
    row_ids  gives hidden row ids, for plans that want them (`numbers_rows`)
    read     rows of a query; `lock`: locked, at the latest state
    equal_key  when two texts are the same value of a unique key
    explain  turns an engine's complaint into MySQL's error, given the values of the row at fault
    must_be_current  raises NoSuchObject when the plan was made for an older catalog
    """

    transaction: Transaction
    shards: int
    row_ids: RowIds
    read: Read
    equal_key: EqualKey
    supply: Supply
    context: StatementContext
    autos: AutoIncrement
    explain: Callable[[EngineError, Table, Sequence[Stored] | None, Sequence[Any]], SqlError]
    must_be_current: Callable[[], None]
    found_rows: bool = False
    zero_is_value: bool = False
    inline: bool = False
    auto_increment_increment: int = 1
    auto_increment_offset: int = 1
    forced_id: int = 0  # SET insert_id


def check(run: Run, statement: ShardStatement, args: Args, table: str) -> MatchCheck:
    """Its conditions are those of the statement itself, which has warned of their constants."""
    muted, run.context.muted = run.context.muted, True
    try:
        return MatchCheck(statement.sql, statement.params.build(args, run.supply), table)
    finally:
        run.context.muted = muted


def assignments(params: Parameters, args: Args, supply: Supply) -> Sequence[Stored]:
    """The parameters of a statement whose SET has constants among them; raises ConstantRefused."""
    try:
        return params.build(args, supply)
    except SqlError as problem:
        raise ConstantRefused(problem) from None


# ── INSERT ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(run: Run, plans: Sequence[tuple[InsertPlan, Iterable[Args]]]) -> Iterator[Sequence[Stored]]:
    context, supply = run.context, run.supply
    number = 0
    for plan, arg_rows in plans:
        programs = [(p.values.build if p.values is not None else None, p) for p in plan.rows]
        for args in arg_rows:
            for build, program in programs:
                number += 1
                context.row = number
                yield build(args, supply) if build is not None else _evaluated(run, program, args)


def _evaluated(run: Run, program: RowProgram, args: Args) -> Row:
    assert program.evaluate is not None
    return list(run.read(program.evaluate, program.distribution, args, (), False))[0]


def _queried(run: Run, plan: InsertPlan, args: Args) -> Iterator[Row]:
    assert plan.query is not None
    run.context.row = 0  # tick() counts
    rows = run.read(plan.query, plan.distribution, args, plan.reads(args, run.supply), False)
    first = plan.query_reads_target or plan.place or plan.upsert or plan.delete or plan.ignore
    source: Iterable[Row] = list(rows) if first else rows
    for row in source:
        yield row[1:]


_Placed = tuple[int, int, Sequence[Stored]]
"""A row of a batch: its place there, its number in the statement, what is written."""


class _Inserter:
    def __init__(self, run: Run, plan: InsertPlan, counts: Counts) -> None:
        self.run = run
        self.plan = plan
        self.counts = counts
        self.auto = plan.auto
        self.home = run.transaction.writer(SINGLE_SHARD) if plan.place is None else None
        self.state = run.autos.state(plan.table, run.transaction, run.shards) if plan.auto >= 0 else None
        self.next_before = self.state.next if self.state is not None else 0
        self.numbers: Numbers | None = None
        self.unsigned = plan.auto >= 0 and plan.columns[plan.auto].sql_type.is_big_unsigned
        self.last: Sequence[Stored] = ()
        self.generated = 0  # the present row's generated value
        self.own_id = 0  # the AUTO_INCREMENT value of the last row, whoever chose it
        self.row_id = 0  # the hidden one of the present row
        self.names = [column.name.lower() for column in plan.columns] if plan.spread_keys or plan.parents else []
        self.parents = plan.parents if run.context.foreign_key_checks else ()
        self.children = plan.children if run.context.foreign_key_checks else ()

    def insert_all(self, rows: Iterator[Sequence[Stored]], rows_known: int) -> None:
        """rows_known: how many there are, 0 when nobody knows."""
        plan, run = self.plan, self.run
        if self.state is not None:
            self.numbers = Numbers(
                self.state, plan.table, rows_known, run.auto_increment_increment, run.auto_increment_offset, run.forced_id
            )
        home = self.home
        each = self.parents or self.children or plan.late_keys or plan.delete or plan.upsert or plan.returning is not None
        placed = plan.place is not None and not plan.place.everywhere
        if placed and not (each or plan.ignore or plan.spread_keys):
            self._by_shard(rows)
            return
        if home is None or each or plan.ignore and rows_known:
            for row in rows:
                self._one(self.numbered(row))
            return
        if plan.ignore:
            self._by_batches(home, rows)
            return
        try:
            written = home.write_many(plan.insert, map(self.numbered, rows))
        except EngineError as problem:
            if problem.row == 1:
                self._give_number_back(problem)
            raise self.run.explain(problem, plan.table, self.last, plan.columns) from None
        self.counts.records += written.changes
        self.counts.affected += written.changes
        if written.changes:
            self.counts.insert_id = self.own_id

    def insert_one(self, row: Sequence[Stored]) -> None:
        """A single row of VALUES: one write, which undoes itself when it fails.  The counter goes first, so that nothing is
        left half done; a value that is then not used is a gap, as in InnoDB."""
        plan, run, counts = self.plan, self.run, self.counts
        if self.state is not None:
            self.numbers = Numbers(
                self.state, plan.table, 1, run.auto_increment_increment, run.auto_increment_offset, run.forced_id
            )
        row = self.numbered(row)
        shards = self._shards(row)
        for shard in shards:
            run.transaction.writer(shard).lock()
        run.must_be_current()
        self.last_branch = run.transaction.writer(shards[0])  # the counter goes where the row goes: one shard is cheaper than two
        self.save_counter()
        try:
            taken = self._taken(row, shards)
            if taken is not None:
                raise taken.problem(plan.table)
            written = self._write(plan.insert, row, shards)
        except EngineError as problem:
            self._give_number_back(problem)
            raise run.explain(problem, plan.table, row, plan.columns) from None
        counts.records = counts.affected = written.changes
        counts.insert_id = counts.generated_id or self.own_id

    def _give_number_back(self, problem: EngineError) -> None:
        """The first row was refused."""
        if self.numbers is not None and isinstance(problem, (CheckViolation, NotNullViolation, TypeViolation)):
            self.numbers.refused()

    def _shards(self, row: Sequence[Stored]) -> Sequence[int]:
        """Where the row goes."""
        place = self.plan.place
        if place is None:
            return _FIRST
        if self.plan.numbers_rows:
            self.row_id = self.run.row_ids.next(self.plan.table)
        if place.everywhere:
            return range(self.run.shards)
        return (place.shard_of([row[position] for position in place.positions] or [self.row_id]),)

    def _taken(self, row: Sequence[Stored], shards: Sequence[int]) -> Taken | None:
        """Who has a unique key of the row already, on another shard."""
        keys: Sequence[SpreadKey] = self.plan.spread_keys
        if self.generated:  # nobody else has been given this number
            auto = self.names[self.auto : self.auto + 1]
            keys = [key for key in keys if [*key.columns] != auto]
        if not keys:
            return None
        run, named = self.run, dict(zip(self.names, row, strict=False))
        return claim(run.transaction, run.shards, run.equal_key, self.plan.table, keys, named, shards[0], inline=run.inline)

    def _write(
        self, sql: str, row: Sequence[Stored], shards: Sequence[int], extra: Sequence[Stored] = ()
    ) -> Written:
        """Write a row with `sql`, whose parameters are its values, its hidden row id if the plan wants it, and `extra`."""
        values = [*row, self.row_id, *extra] if self.plan.numbers_rows else [*row, *extra] if extra else row
        self.last_branch = self.home or self.run.transaction.writer(shards[0])
        written = self.last_branch.write(sql, values)
        for shard in shards[1:]:
            matched, changed = self.run.context.matched, self.run.context.changed
            self.run.transaction.writer(shard).write(sql, values)
            self.run.context.matched, self.run.context.changed = matched, changed
        return written

    last_branch: Branch | None = None
    tail: Args = ()
    extras: Sequence[Stored] = ()

    def _supply(self, name: str) -> Stored:
        """Values of the session, and `#row:n`: of the row that INSERT … SELECT is at."""
        if name.startswith("#row:"):
            return self.extras[int(name[5:]) - len(self.plan.columns)]
        return self.run.supply(name)

    def numbered(self, row: Sequence[Stored]) -> Sequence[Stored]:
        """The row with its AUTO_INCREMENT value."""
        self.last = row
        numbers = self.numbers
        if numbers is None:
            return row
        numbers.row_begins()
        value = row[self.auto]
        if value is None or value == 0 and not self.run.zero_is_value:
            number = self.generated = self.own_id = numbers.take()
            if not self.by_row and not self.counts.generated_id:
                self.counts.generated_id = number
            changed = list(row)
            changed[self.auto] = to_unsigned(number) if self.unsigned else number
            self.last = changed
            return changed
        number = from_unsigned(value) if isinstance(value, bytes) else int(value)
        self.generated = 0
        self.own_id = number & UINT64_MAX
        numbers.given(number)
        return row

    def _by_shard(self, rows: Iterator[Sequence[Stored]]) -> None:
        """Rows of which each is the business of one shard alone: batches, of which every shard writes its own at once."""
        batch: list[Sequence[Stored]] = []
        parts: dict[int, list[_Placed]] = {}  # by shard
        numbers_rows, context = self.plan.numbers_rows, self.run.context
        while True:
            refused: SqlError | None = None
            try:
                for row in islice(rows, BATCH_ROWS):
                    numbered = self.numbered(row)
                    (shard,) = self._shards(numbered)
                    written = [*numbered, self.row_id] if numbers_rows else numbered
                    parts.setdefault(shard, []).append((len(batch), context.row, written))
                    batch.append(numbered)
            except SqlError as problem:
                refused = problem  # a row before it may be refused for another reason
            number = context.row
            if batch:
                self._write_parts(batch, parts)
            context.row = number
            if refused is not None:
                raise refused
            if len(batch) < BATCH_ROWS:
                return
            batch.clear()
            parts.clear()

    def _write_parts(self, batch: Sequence[Sequence[Stored]], parts: Mapping[int, Sequence[_Placed]]) -> None:
        plan, counts = self.plan, self.counts
        first: tuple[int, EngineError] | None = None
        for shard, part in parts.items():
            self.last_branch = self.run.transaction.writer(shard)
            try:
                counts.affected += self.last_branch.write_many(plan.insert, self._in_turn(part)).changes
            except EngineError as problem:
                place = part[problem.row - 1][0]
                if first is None or place < first[0]:
                    first = place, problem
        if first is not None:  # of all the rows that are refused, as it would be with one shard
            if not first[0] and not counts.records:
                self._give_number_back(first[1])
            raise self.run.explain(first[1], plan.table, batch[first[0]], plan.columns) from None
        counts.records += len(batch)
        counts.insert_id = self.own_id

    def _in_turn(self, part: Sequence[_Placed]) -> Iterator[Sequence[Stored]]:
        for _, self.run.context.row, row in part:  # for who tells at which row it was
            yield row

    def _by_batches(self, home: Branch, rows: Iterator[Sequence[Stored]]) -> None:
        """Rows that break a key are left out: whole batches first, row by row where one holds such a row."""
        while True:
            batch = []
            for row in islice(rows, BATCH_ROWS):
                self.generated = 0
                batch.append((self.numbered(row), self.generated, self.own_id))
            if not batch:
                return
            try:
                written = home.write_many(self.plan.insert, [row for row, _, _ in batch])
            except EngineError:
                for row, self.generated, self.own_id in batch:
                    self._one(row)
                continue
            self.counts.records += len(batch)
            self.counts.affected += written.changes
            self.generated = next((generated for _, generated, _ in batch if generated), 0)
            self._inserted()

    @property
    def by_row(self) -> bool:
        """Whether a row may turn out not to be inserted while others are."""
        plan = self.plan
        return plan.ignore or bool(plan.upsert)

    def _inserted(self) -> None:
        self.counts.insert_id = self.own_id
        if self.generated and not self.counts.generated_id:
            self.counts.generated_id = self.generated

    def _one(self, row: Sequence[Stored]) -> None:
        plan, counts = self.plan, self.counts
        counts.records += 1
        fence: Branch | None = None
        try:
            if plan.delete:
                gone = self._delete([row[i] for i in plan.delete_positions])
                counts.duplicates += gone
                counts.affected += gone
            shards = self._shards(row)
            taken = self._taken(row, shards) if plan.spread_keys else None
            if plan.upsert:
                self._upsert(row, shards if taken is None else (taken.shard,))
                return
            if taken is not None:
                raise taken.problem(plan.table)
            if plan.ignore and (self.parents or plan.late_keys):
                fence = self.run.transaction.writer(shards[0])
                fence.savepoint(_ROW)
            written = self._write(plan.insert, row, shards)
            self._claim_late(shards[0], written.last_rowid)
            if self.parents:
                hold_parents(self.run.transaction, self.run.shards, self.parents, dict(zip(self.names, row, strict=False)))
            if fence is not None:
                fence.release(_ROW)
                fence = None
            counts.affected += written.changes
            counts.rows.extend(written.rows)
            self._inserted()
        except EngineError as problem:
            if fence is not None:
                fence.rollback_to(_ROW)
                fence.release(_ROW)
            found = self.run.explain(problem, plan.table, row, plan.columns)
            if not plan.ignore or not isinstance(problem, (UniqueViolation, NotNullViolation, RaisedByTrigger)):
                raise found from None
            counts.duplicates += 1
            self.run.context.warn_error(found)
            if self.numbers is not None and self.generated:
                self.numbers.upcoming = self.generated  # the next row has it

    def _delete(self, values: Sequence[Stored]) -> int:
        """REPLACE: remove what stands in the way, wherever it is."""
        if self.children:
            return self._delete_with_children(values)
        if self.home is not None:
            return self.home.write(self.plan.delete, values).changes
        assert self.plan.place is not None
        gone = [self.run.transaction.writer(shard).write(self.plan.delete, values).changes for shard in range(self.run.shards)]
        return gone[0] if self.plan.place.everywhere else sum(gone)

    def _delete_with_children(self, values: Sequence[Stored]) -> int:
        run, table = self.run, self.plan.table
        names = [column.name.lower() for column in table.columns if not column.generated]
        place, gone = self.plan.place, 0
        everywhere = place is not None and place.everywhere
        for shard in _FIRST if place is None or everywhere else range(run.shards):
            branch = run.transaction.writer(shard)
            for rowid, *old in list(branch.lock_query(self.plan.delete_select, values, (), inline=False)):
                for each in range(run.shards) if everywhere else (shard,):
                    run.transaction.writer(each).write(f"DELETE FROM {table.physical} WHERE _rowid_ = ?1", (rowid,))
                parents_went(run.transaction, run.shards, self.children, dict(zip(names, old, strict=True)))
                gone += 1
        return gone

    def _upsert(self, row: Sequence[Stored], shards: Sequence[int]) -> None:
        context, counts, plan = self.run.context, self.counts, self.plan
        width = len(plan.columns)
        self.extras = row[width:]
        assert plan.upsert_params is not None
        args = assignments(plan.upsert_params, self.tail, self._supply)
        context.matched = context.changed = 0
        written = self._write(plan.upsert, row[:width], shards, args)
        rows: Sequence[Row] = written.rows
        if (plan.upsert_keys or plan.upsert_parents) and rows:
            if context.changed:
                self._claim_updated(shards[0], rows[0][-1])
            rows = [row[:-1] for row in rows]
        if plan.auto >= 0 and rows:  # its last column is the AUTO_INCREMENT column
            self.own_id = _number(rows[0][-1])
            rows = [row[:-1] for row in rows]
        if plan.returning is not None:
            counts.rows.extend(rows)
        if not context.matched:
            self._claim_late(shards[0], written.last_rowid)
            if self.parents:
                hold_parents(self.run.transaction, self.run.shards, self.parents, dict(zip(self.names, row, strict=False)))
            counts.affected += 1
            self._inserted()
            return
        counts.duplicates += 1
        counts.affected += 2 if context.changed else 1 if self.run.found_rows else 0
        if context.changed and plan.query is None:
            counts.insert_id = self.own_id
            if self.state is not None:
                self.state.seen(self.own_id)

    def _claim_late(self, shard: int, rowid: int) -> None:
        """The keys that the engine has computed, of a row that is there now, must be free on the other shards."""
        plan, run = self.plan, self.run
        if plan.late_keys:
            row = _whole_row(run.transaction.writer(shard), plan.table, rowid)
            taken = claim(run.transaction, run.shards, run.equal_key, plan.table, plan.late_keys, row, shard)
            if taken is not None:
                raise taken.problem(plan.table)

    def _claim_updated(self, shard: int, rowid: Stored) -> None:
        """The keys that a row has now, which ON DUPLICATE KEY UPDATE has changed, must be free on the other shards."""
        plan, run = self.plan, self.run
        row = _whole_row(run.transaction.writer(shard), plan.table, rowid)
        taken = claim(run.transaction, run.shards, run.equal_key, plan.table, plan.upsert_keys, row, shard)
        if taken is not None:
            raise taken.problem(plan.table)
        if self.parents:
            hold_parents(run.transaction, run.shards, plan.upsert_parents, row)

    def finish(self) -> None:
        self.save_counter()
        if self.counts.generated_id:
            self.counts.insert_id = self.counts.generated_id

    def save_counter(self) -> None:
        state = self.state
        if state is not None and state.next != self.next_before:
            branch = self.home or self.last_branch or self.run.transaction.writer(SINGLE_SHARD)
            self.run.autos.save(self.plan.table, state, branch)


def _number(value: Stored) -> int:
    return from_unsigned(value) if isinstance(value, bytes) else int(value or 0) & UINT64_MAX


def insert(run: Run, plans: Sequence[tuple[InsertPlan, Iterable[Args]]], tail: Args) -> Counts:
    """Insert the rows of `plans`, which differ only in the shape of their rows; `tail` are the arguments of the rest of the
    statement (ON DUPLICATE KEY UPDATE, a SELECT)."""
    plan = plans[0][0]
    counts = Counts()
    inserter = _Inserter(run, plan, counts)
    inserter.tail = tail
    if plan.is_plain and not plan.parents and not plan.late_keys and _count(plans) == 1:
        inserter.insert_one(next(_rows(run, plans)))
        return counts
    run.transaction.begin_statement()
    kept = False
    try:
        rows = _queried(run, plan, tail) if plan.query is not None else _rows(run, plans)
        inserter.insert_all(rows, _count(plans))
        inserter.finish()
        kept = True
    finally:
        run.transaction.end_statement(keep=kept)
    return counts


def _count(plans: Sequence[tuple[InsertPlan, Iterable[Args]]]) -> int:
    """How many rows VALUES has; 0 for a SELECT or a file."""
    total = 0
    for plan, args in plans:
        if plan.query is not None or not isinstance(args, (list, tuple)):
            return 0
        total += len(plan.rows) * len(args)
    return total


# ── UPDATE and DELETE ────────────────────────────────────────────────────────────────────────────────────────────


def shards_of(plan: Plan, args: Args, supply: Supply, shards: int) -> Sequence[int]:
    """The shards that an UPDATE or DELETE may write, of `shards` that there are."""
    if not isinstance(plan, (UpdatePlan, DeletePlan)):
        return range(shards)
    if plan.spread == "":
        return (SINGLE_SHARD,)
    found = over_shards.routed(plan.route, args, supply) if plan.route is not None else None
    return range(shards) if found is None else sorted(found) or (SINGLE_SHARD,)


def _on_shards(run: Run, plan: UpdatePlan | DeletePlan, args: Args, write: Callable[[Branch], None]) -> None:
    """`write` on each shard that may have rows which the plan is about, as one statement; a copy does not count again."""
    transaction = run.transaction
    shards = shards_of(plan, args, run.supply, run.shards)
    if len(shards) == 1:
        write(transaction.writer(shards[0]))
        return
    transaction.begin_statement()
    kept = False
    try:
        for shard in shards:
            before = run.context.matched, run.context.changed
            write(transaction.writer(shard))
            if shard and plan.spread == "BROADCAST":
                run.context.matched, run.context.changed = before
        kept = True
    finally:
        transaction.end_statement(keep=kept)


def update(run: Run, plan: UpdatePlan, args: Args) -> Counts:
    context = run.context
    context.matched = context.changed = 0
    statement = plan.statement
    params = assignments(statement.params, args, run.supply)

    def write(branch: Branch) -> None:
        branch.lock()
        try:
            branch.write(statement.sql, params, match=check(run, plan.match, args, plan.table.physical), inline=run.inline)
        except UniqueViolation as problem:
            raise _duplicate(run, branch, plan, args, problem) from None
        except EngineError as problem:
            raise run.explain(problem, plan.table, None, ()) from None

    _on_shards(run, plan, args, write)
    if plan.auto >= 0 and context.changed:
        run.autos.updated(plan.table, run.transaction, run.shards)
    return Counts(context.matched if run.found_rows else context.changed, context.matched, context.changed)


def _duplicate(run: Run, branch: Branch, plan: UpdatePlan, args: Args, problem: UniqueViolation) -> SqlError:
    """Error 1062 with the entry: the rows' new keys are computed once more, in order, until one is taken."""
    preview, names = plan.preview, plan.preview_columns
    broken = next((i for i in plan.table.indexes if i.unique and _is(plan.table, i, problem)), None)
    if preview is None or broken is None:
        return run.explain(problem, plan.table, None, ())
    parts = [p.column.lower() for p in broken.parts]
    run.context.muted = True
    rows = list(branch.query(preview.sql, preview.params.build(args, run.supply), (), inline=False))
    physical = [c.physical for c in map(plan.table.column, parts) if c is not None]
    test = " AND ".join(f"{name} = ?{i + 2}" for i, name in enumerate(physical))
    taken: set[tuple[Stored, ...]] = set()
    for rowid, *values in rows:
        given = dict(zip(names, values, strict=False))
        key = tuple(given[name] for name in parts)
        if None in key:
            continue
        others = f"SELECT 1 FROM {plan.table.physical} WHERE {test} AND _rowid_ <> ?1"
        if key in taken or list(branch.query(others, (rowid, *key), (), inline=False)):
            return run.explain(problem, plan.table, values, names)
        taken.add(key)
    return run.explain(problem, plan.table, None, ())


def _is(table: Table, index: Index, problem: UniqueViolation) -> bool:
    if problem.index:
        return index.physical == problem.index
    columns = tuple(c.physical for p in index.parts if (c := table.column(p.column)) is not None)
    return columns == problem.columns


def update_rowwise(run: Run, plan: RowwiseUpdatePlan, args: Args) -> Counts:
    if run.inline:
        raise MustMove
    muted, run.context.muted = run.context.muted, True
    try:
        assignments(plan.select.params, args, run.supply)  # they are built, and warned of, once more by whoever reads
    finally:
        run.context.muted = muted
    rows = list(run.read(plan.select, plan.distribution, args, plan.reads(args, run.supply), True))
    matched = changed = 0
    run.transaction.begin_statement()
    kept = False
    try:
        for target in plan.targets:
            seen: set[Stored] = set()
            for row in rows:
                values = row[target.first : target.first + target.width]
                if values[0] is None or values[0] in seen:
                    continue
                seen.add(values[0])
                matched += 1
                shards = _shards_of_found(run, target.place, row)
                changed += [_update_row(run, plan, target, shard, values) for shard in shards][0]
            auto = target.table.auto_column
            if auto is not None and auto.name.lower() in target.columns and changed:
                run.autos.updated(target.table, run.transaction, run.shards)
        kept = True
    finally:
        run.transaction.end_statement(keep=kept)
    return Counts(matched if run.found_rows else changed, matched, changed)


def _shards_of_found(run: Run, place: RowPlace | None, row: Row) -> Sequence[int]:
    """Where a row is that a rowwise plan has found: its shard key is at `place.positions` of what was selected."""
    if place is None:
        return _FIRST
    if place.everywhere:
        return range(run.shards)
    return (place.shard_of([row[position] for position in place.positions]),)


def _update_row(run: Run, plan: RowwiseUpdatePlan, target: TargetUpdate, shard: int, values: Row) -> int:
    """1 when the row has changed."""
    context, branch = run.context, run.transaction.writer(shard)
    context.matched = context.changed = 0
    checked = context.foreign_key_checks
    children = target.children if checked else ()
    fenced = plan.ignore and bool(target.move is not None or target.spread_keys or target.parents or children)
    if fenced:
        branch.savepoint(_ROW)  # it may be refused for another shard's sake, when it has been changed on its own
    try:
        old = _row_with(branch, target, values[:1]) if children else {}
        branch.write(target.sql, values)
        changed = context.changed
        if changed:
            _settle(run, target, shard, values, old)
        if fenced:
            branch.release(_ROW)
        return changed
    except EngineError as problem:
        known = _row_with(branch, target, values) if isinstance(problem, UniqueViolation) and not plan.ignore else {}
        found = run.explain(problem, target.table, list(known.values()), list(known))
        if not plan.ignore:
            raise found from None
        if fenced:
            branch.rollback_to(_ROW)
            branch.release(_ROW)
        if not isinstance(problem, UniqueViolation):  # MariaDB leaves such rows without a word
            context.warn_error(found)
        return 0


def _settle(run: Run, target: TargetUpdate, shard: int, values: Row, old: Mapping[str, Stored]) -> None:
    """What a changed row, still on its shard, has to do with other shards.  old: as it was, when rows refer to it."""
    transaction, shards, table = run.transaction, run.shards, target.table
    if target.spread_keys or target.parents or old:
        number = target.table.rowid_column
        at = target.columns.index(number.name.lower()) + 1 if number is not None and number.name.lower() in target.columns else 0
        row = _whole_row(transaction.writer(shard), table, values[at])
        taken = claim(transaction, shards, run.equal_key, table, target.spread_keys, row, shard)
        if taken is not None:
            raise taken.problem(table)
        if run.context.foreign_key_checks:
            hold_parents(transaction, shards, target.parents, row)
            parents_changed(transaction, shards, target.children, old, row)
    if target.move is not None:
        move_row(transaction, target.move, shard, values[target.move.rowid])


def _whole_row(branch: Branch, table: Table, rowid: Stored) -> dict[str, Stored]:
    """A row as it is, by lower-case column name."""
    names = ", ".join(column.physical for column in table.columns)
    (row,) = branch.query(f"SELECT {names} FROM {table.physical} WHERE _rowid_ = ?1", (rowid,), (), inline=False)
    return dict(zip([column.name.lower() for column in table.columns], row, strict=True))


def _row_with(branch: Branch, target: TargetUpdate, values: Row) -> dict[str, Stored]:
    """A row as it would be: its columns by lower-case name."""
    columns = [c for c in target.table.columns if not c.generated]
    text = f"SELECT {', '.join(c.physical for c in columns)} FROM {target.table.physical} WHERE _rowid_ = ?1"
    rows = list(branch.query(text, (values[0],), (), inline=False))
    known = dict(zip([c.name.lower() for c in columns], rows[0], strict=False)) if rows else {}
    known.update(zip(target.columns, values[1:], strict=False))
    return known


def delete(run: Run, plan: DeletePlan, args: Args) -> Counts:
    statement = plan.statement
    params = statement.params.build(args, run.supply)
    counts = Counts()

    def write(branch: Branch) -> None:
        branch.lock()
        try:
            match = check(run, plan.match, args, plan.table.physical)
            written = branch.write(statement.sql, params, match=match, inline=run.inline)
        except EngineError as problem:
            raise run.explain(problem, plan.table, None, ()) from None
        if plan.spread == "BROADCAST":
            counts.affected, counts.rows = written.changes, list(written.rows)
        else:
            counts.affected += written.changes
            counts.rows.extend(written.rows)

    _on_shards(run, plan, args, write)
    return counts


def delete_rowwise(run: Run, plan: RowwiseDeletePlan, args: Args) -> Counts:
    if run.inline:
        raise MustMove
    rows = list(run.read(plan.select, plan.distribution, args, plan.reads(args, run.supply), True))
    gone = 0
    run.transaction.begin_statement()
    kept = False
    try:
        for target in plan.targets:
            seen: set[Stored] = set()
            for row in rows:
                rowid = row[target.position]
                if rowid is None or rowid in seen:
                    continue
                seen.add(rowid)
                try:
                    gone += _delete_row(run, target, _shards_of_found(run, target.place, row), rowid)
                except EngineError as problem:
                    found = run.explain(problem, target.table, None, ())
                    if not plan.ignore:
                        raise found from None
                    run.context.warn_error(found)
        kept = True
    finally:
        run.transaction.end_statement(keep=kept)
    return Counts(gone)


def _delete_row(run: Run, target: TargetDelete, shards: Sequence[int], rowid: Stored) -> int:
    transaction, children = run.transaction, target.children if run.context.foreign_key_checks else ()
    old: Mapping[str, Stored] = {}
    if children:
        names = list(dict.fromkeys(name for child in children for name in child.ref_columns))
        columns = ", ".join(target.table.by_name[name].physical for name in names)
        text = f"SELECT {columns} FROM {target.table.physical} WHERE _rowid_ = ?1"
        rows = list(transaction.writer(shards[0]).query(text, (rowid,), (), inline=False))
        old = dict(zip(names, rows[0], strict=True)) if rows else {}
    gone = [transaction.writer(shard).write(target.sql, (rowid,)).changes for shard in shards][0]
    if old and gone:
        parents_went(transaction, run.shards, children, old)
    return gone


__all__ = ["Counts", "Run", "delete", "delete_rowwise", "insert", "update", "update_rowwise"]
