"""A session: text and arguments in, results out.  Read this first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fauna.catalog.schema import Catalog, Table
from fauna.catalog.types import NULL_TYPE, SqlType, Stored, to_unsigned
from fauna.catalog.violations import explain_violation
from fauna.errors import SqlError, error, unsupported
from fauna.execute import writing
from fauna.plan.plan import CachedPlan, DeletePlan, InsertPlan, Plan, QueryPlan, RowwiseDeletePlan, RowwiseUpdatePlan, UpdatePlan
from fauna.session import administration, definition
from fauna.session.prepared import PreparedStatement, PreparedStatements
from fauna.session.result import LocalInfile, MustMove, MustWait, Result, ResultColumn, Row
from fauna.session.transactions import Transactions
from fauna.session.variables import SERVER_VERSION, SessionVariables
from fauna.shard.engine_errors import EngineError, NoSuchObject, Overflow, UniqueViolation
from fauna.shard.shard import Branch, Rows, Watch
from fauna.sql import ast
from fauna.sql.bind.context import BindContext, SessionScope, SlotTypes
from fauna.sql.bind.dml import bind_statement
from fauna.sql.context import StatementContext, set_current
from fauna.sql.convert.timestamp import zone
from fauna.sql.parse import ParseMode, parse, parse_full
from fauna.sql.runtime import NarrowOverflow
from fauna.sql.shape import Lifted, lift, split_statements

if TYPE_CHECKING:
    from fauna.node import Node
    from fauna.wire.backend import ClientInfo

STATUS_IN_TRANSACTION = 0x0001
STATUS_AUTOCOMMIT = 0x0002
STATUS_NO_BACKSLASH_ESCAPES = 0x0200
BATCH_ROWS = 512
REPLANS_MAX = 8

_PARSE_FLAGS = {
    "ANSI_QUOTES": ParseMode.ANSI_QUOTES, "PIPES_AS_CONCAT": ParseMode.PIPES_AS_CONCAT, "NO_BACKSLASH_ESCAPES": ParseMode.NO_BACKSLASH_ESCAPES,
    "HIGH_NOT_PRECEDENCE": ParseMode.HIGH_NOT_PRECEDENCE, "IGNORE_SPACE": ParseMode.IGNORE_SPACE,
}
_CACHED = (ast.QueryStatement, ast.Insert, ast.Update, ast.Delete)


class Session:
    """One client.  One thread at a time, `interrupt` excepted."""

    def __init__(self, node: Node, client: ClientInfo) -> None:
        self.node = node
        self.client = client
        self.connection_id = client.connection_id
        self.user, self.host = client.user, client.host
        self.killed = False
        self.watch = Watch()
        self.variables = SessionVariables(node.variables)
        self.variables.values["pseudo_thread_id"] = client.connection_id
        self.database: str | None = None
        self.user_variables: dict[str, tuple[SqlType, Stored]] = {}
        self.transactions = Transactions(node.shard, self.variables, self.watch)
        self.prepared = PreparedStatements(self)
        self.context = StatementContext()
        self.last_insert_id = 0
        self.row_count = -1
        self.found_rows = 0
        self.sequence_last: dict[int, int] = {}
        self.temporaries: dict[tuple[str, str], Table] = {}
        self.started = time.monotonic()
        self.statement_text = ""
        self.statement_started = time.monotonic()
        self.infile_enabled = client.local_infile
        self._scope: SessionScope | None = None
        self._scope_key = 0
        self._scope_catalog: Catalog | None = None
        self._catalog = node.catalog
        self._wide = False
        self._flags = 0
        self._modes = (True, True, False, False, False, False)
        self._now = 0.0
        self._closed = False
        if client.database:
            self.use(client.database)

    # ── state that plans depend on ──

    @property
    def catalog(self) -> Catalog:
        """The catalog as this session sees it."""
        catalog = self.node.catalog
        return catalog.with_temporaries(self.temporaries) if self.temporaries else catalog

    def scope_changed(self) -> None:
        """A variable, the database or the temporary tables changed: plans are looked up anew."""
        self._scope = None

    def scope(self) -> SessionScope:
        if self._scope is None or self._scope_catalog is not self.node.catalog:
            values = self.variables.values
            self._scope = SessionScope(
                self.database, frozenset(values["sql_mode"].split(",")) - {""}, values["collation_connection"], self._zone(),
                values["div_precision_increment"], self.client.found_rows,
            )
            self._scope_catalog = self.node.catalog
            owner = self.connection_id if self.temporaries else 0
            self._scope_key = self.node.plans.scope_key((self._scope, self.node.catalog.version, owner, len(self.temporaries)))
            self._flags = self._parse_flags()
            modes = self._scope.sql_mode
            self._modes = (
                bool({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"} & modes), "ERROR_FOR_DIVISION_BY_ZERO" in modes, "NO_ZERO_DATE" in modes,
                "NO_ZERO_IN_DATE" in modes, "ALLOW_INVALID_DATES" in modes, "PAD_CHAR_TO_FULL_LENGTH" in modes,
            )
        return self._scope

    def _zone(self) -> str:
        name = str(self.variables.values["time_zone"])
        if name == "SYSTEM" and self.node.system_zone_is_utc:
            return "UTC"
        return "UTC" if name in ("+00:00", "-00:00", "UTC") else name

    def _parse_flags(self) -> int:
        flags = 0
        for mode in str(self.variables.values["sql_mode"]).split(","):
            flags |= _PARSE_FLAGS.get(mode, 0)
        return flags

    def flags_now(self) -> int:
        """The parser's flags under the present sql_mode."""
        self.scope()
        return self._flags

    @property
    def status(self) -> int:
        status = STATUS_AUTOCOMMIT if self.variables.values["autocommit"] else 0
        if self.transactions.explicit:
            status |= STATUS_IN_TRANSACTION
        if "NO_BACKSLASH_ESCAPES" in self.variables.values["sql_mode"]:
            status |= STATUS_NO_BACKSLASH_ESCAPES
        return status

    # ── the text protocol ──

    def split(self, text: str) -> list[str]:
        """The statements of a multi-statement text."""
        self.scope()
        return split_statements(text, self._flags)

    def execute(self, text: str, *, inline: bool) -> Result | LocalInfile:
        """Run one statement.  MustWait and MustMove: nothing was done, call again."""
        self._begin(text)
        try:
            scope = self.scope()
            lifted = lift(text, self._flags)
            if lifted is not None:
                plan = self._cached(lifted)
                if plan is not None:
                    return self._run_lifted(plan, lifted, inline)
            return self._run_text(text, lifted, scope, inline)
        except (MustWait, MustMove):
            raise
        except BaseException as problem:
            raise self._failed(problem) from None

    def _begin(self, text: str) -> None:
        if self.killed:
            raise error("CONNECTION_KILLED")
        self.statement_text = text
        self._wide = False
        self.statement_started = self._now = time.time()
        self.watch.clear(max_statement_time_s=self.variables.values["max_statement_time"])

    def _cached(self, lifted: Lifted) -> Plan | None:
        return self.node.plans.find(lifted.shape, self._scope_key, lifted.literals)

    def _run_lifted(self, plan: Plan, lifted: Lifted, inline: bool) -> Result:
        if lifted.rows > 1 or lifted.more:
            return self._run_segments(lifted, inline)
        return self._guarded(plan, lifted.literals, inline, lambda: self._rebind_lifted(lifted))

    def _rebind_lifted(self, lifted: Lifted) -> Plan:
        found = self.node.plans.find(lifted.shape, self._scope_key, lifted.literals) if not self._wide else None
        return found if found is not None else self._bind_lifted(lifted)

    def _bind_lifted(self, lifted: Lifted) -> Plan:
        parsed = parse_full(lifted.text, self._flags)
        literals = lifted.literals if lifted.rows == 1 and not lifted.more else self._row_args(lifted)[0]
        context = self._bind_context(SlotTypes(lifted=True))
        plan = bind_statement(context, parsed.statement)
        if not context.volatile:
            pinned = set(context.slots.pinned) | set(parsed.structural) | (set(range(parsed.literals)) - context.slots.used)
            cached = CachedPlan(plan, tuple((i, literals[i]) for i in sorted(pinned)))
            self.node.plans.add(lifted.shape, self._scope_key, cached)
        return plan

    def _row_args(self, lifted: Lifted) -> list[tuple[Any, ...]]:
        """The arguments of each row of a multi-row INSERT."""
        literals, tail = lifted.literals, lifted.tail
        if lifted.rows == 1:
            return [(*literals, *tail)]
        width = len(literals) // lifted.rows
        return [(*literals[i : i + width], *tail) for i in range(0, len(literals), width)] if width else [tail] * lifted.rows

    def _run_segments(self, lifted: Lifted, inline: bool) -> Result:
        """INSERT … VALUES of many rows: rows of one shape share a plan."""
        if inline and lifted.rows > 16:
            raise MustMove
        segments = [lifted, *lifted.more]
        plans = []
        for segment in segments:
            rows = self._row_args(segment)
            plan = self.node.plans.find(segment.shape, self._scope_key, rows[0]) or self._bind_lifted(segment)
            if not isinstance(plan, InsertPlan):
                raise error("UNKNOWN_ERROR", "an INSERT was expected")
            if any(not self.node.plans.serves(segment.shape, self._scope_key, plan, row) for row in rows[1:]):
                return self._run_statement(parse(self.statement_text, self._flags), (), inline)
            plans.append((plan, rows))
        return self._write(lambda: self._insert(plans, inline))

    def _run_text(self, text: str, lifted: Lifted | None, scope: SessionScope, inline: bool) -> Result | LocalInfile:
        if lifted is not None and text.lstrip()[:7].lower().startswith(("select", "insert", "update", "delete", "replace", "with", "(")):
            if lifted.rows > 1 or lifted.more:
                return self._run_segments(lifted, inline)
            parsed = parse_full(text, self._flags)
            if isinstance(parsed.statement, _CACHED):
                return self._guarded(self._bind_lifted(lifted), lifted.literals, inline, lambda: self._rebind_lifted(lifted))
            return self._run_statement(parsed.statement, (), inline)
        return self._run_statement(parse(text, self._flags), (), inline)

    # ── running ──

    def _run_statement(self, statement: ast.Statement, params: Sequence[tuple[SqlType, Stored]], inline: bool) -> Result | LocalInfile:
        """Any statement from its syntax tree; plans are not kept."""
        if isinstance(statement, _CACHED):
            args = tuple(value for _, value in params)
            types = tuple(sql_type for sql_type, _ in params)
            bind = lambda: self.bind(statement, types)  # noqa: E731
            return self._guarded(bind(), args, inline, bind)
        return administration.run(self, statement, params, inline)

    def bind(self, statement: ast.Statement, marker_types: tuple[SqlType, ...] = ()) -> Plan:
        """A plan for a statement whose literals are constants."""
        return bind_statement(self._bind_context(SlotTypes(marker_types)), statement)

    def _bind_context(self, slots: SlotTypes) -> BindContext:
        return BindContext(
            self.catalog, self.scope(), slots, self.parse_query, self.node.info_tables, self._variable_type, self.system_variable, self._wide,
        )

    def parse_query(self, text: str) -> ast.Query:
        """The query of a view or of a stored expression, whose text is in the default sql_mode."""
        statement = parse(text, 0)
        assert isinstance(statement, ast.QueryStatement)
        return statement.query

    def _variable_type(self, name: str) -> SqlType:
        found = self.user_variables.get(name)
        return found[0] if found is not None else NULL_TYPE

    def system_variable(self, name: str, scope: str | None) -> object:
        if name in ("last_insert_id", "identity"):
            return self.last_insert_id
        if name == "warning_count":
            return len(self.context.warnings)
        if name == "error_count":
            return sum(w.level == "Error" for w in self.context.warnings)
        if name == "in_transaction":
            return int(self.transactions.explicit)
        if name == "timestamp":
            return self.variables.values["timestamp"] or time.time()
        return self.variables.get(name, scope)

    def _guarded(self, plan: Plan, args: Sequence[Stored], inline: bool, rebind: Callable[[], Plan]) -> Result:
        """Run `plan`; make it anew when the schema moved under it, or when a DECIMAL did not fit 64 bits."""
        for _ in range(REPLANS_MAX):
            try:
                return self._run(plan, args, inline)
            except NoSuchObject:
                if self._scope_catalog is self.node.catalog:
                    raise
            except (NarrowOverflow, Overflow):
                if self._wide:
                    raise error("DATA_OUT_OF_RANGE", "DECIMAL", "the expression") from None
                self._wide = True
            self.transactions.statement_failed()
            self.scope()
            plan = rebind()
        raise error("UNKNOWN_ERROR", "The table definition keeps changing; try again")

    def _run(self, plan: Plan, args: Sequence[Stored], inline: bool) -> Result:
        if isinstance(plan, QueryPlan):
            return self._query(plan, args, inline)
        if isinstance(plan, InsertPlan):
            return self._write(lambda: self._insert([(plan, (args,))], inline))
        return self._write(lambda: self._change(plan, args, inline))

    def new_context(self, *, storing: bool) -> StatementContext:
        """The context of the statement that starts now; its warnings replace the last one's."""
        values = self.variables.values
        strict, by_zero, zero_date, zero_in_date, invalid_dates, pad_char = self._modes
        context = StatementContext(
            strict, by_zero, zero_date, zero_in_date, invalid_dates, pad_char, storing, 1,
            self.user_variables, foreign_key_checks=values["foreign_key_checks"],  # type: ignore[arg-type]
            group_concat_max_len=values["group_concat_max_len"], max_allowed_packet=values["max_allowed_packet"], sequence=self._sequence,
            interrupted=self._stopped, now_of=self.now,
        )
        self.context = context
        set_current(context)
        return context

    def _query(self, plan: QueryPlan, args: Sequence[Stored], inline: bool) -> Result:
        context = self.new_context(storing=False)
        self._sequences_ready(plan)
        params = plan.statement.params.build(args, self.supply)
        branch = self.transactions.for_reading()
        if branch is None:
            rows = self.node.shard.autocommit_query(plan.statement.sql, params, inline=inline, watch=self.watch)
        else:
            rows = self._branch_query(branch, plan, params, args, inline)
        if plan.count is not None:
            counter = self.node.shard.autocommit_query if branch is None else None
            count_params = plan.count.params.build(args, self.supply)
            counted = list(counter(plan.count.sql, count_params, inline=False) if counter else branch.query(plan.count.sql, count_params, (), inline=False))  # type: ignore[union-attr]
            self.found_rows = int(counted[0][0])  # type: ignore[arg-type]
        if plan.into:
            return self._into(plan, rows)
        if context.insert_id is not None:
            self.last_insert_id = context.insert_id
        return self._rows_result(plan, rows, context)

    def _branch_query(self, branch: Branch, plan: QueryPlan, params: Sequence[Stored], args: Sequence[Stored], inline: bool) -> Rows:
        reads = plan.reads(args, self.supply)
        try:
            if not plan.locking:
                return branch.query(plan.statement.sql, params, reads, inline=inline)
            match = None
            if plan.match is not None:
                from fauna.shard.shard import MatchCheck

                match = MatchCheck(plan.match.sql, plan.match.params.build(args, self.supply), plan.match_table)
            if plan.locking == "NOWAIT":
                branch.lock_wait_timeout_s = 0.0
            return branch.lock_query(plan.statement.sql, params, reads, match=match, inline=inline)
        except EngineError as problem:
            if isinstance(problem, (NoSuchObject, Overflow)):
                raise
            raise problem.sql_error() from None

    def _rows_result(self, plan: QueryPlan, rows: Rows, context: StatementContext) -> Result:
        self.row_count = -1
        if rows.ready:
            listed = list(rows)
            if plan.count is None:
                self.found_rows = len(listed)
            return Result(plan.columns, iter(listed), warnings=context.warnings_count, status=self.status, ready=True)
        return Result(plan.columns, self._stream(rows, context, plan), warnings=0, status=self.status, close=rows.close)

    def _stream(self, rows: Rows, context: StatementContext, plan: QueryPlan) -> Iterator[Row]:
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
                if not batch:
                    break
                count += len(batch)
                yield from batch
            if plan.count is None:
                self.found_rows = count
        finally:
            rows.close()

    def _into(self, plan: QueryPlan, rows: Rows) -> Result:
        listed = rows.fetch(2)
        rows.close()
        if len(listed) > 1:
            raise error("TOO_MANY_ROWS")
        if len(plan.into) != len(plan.columns):
            raise error("WRONG_NUMBER_OF_COLUMNS_IN_SELECT")
        if listed:
            for name, column, value in zip(plan.into, plan.columns, listed[0]):
                self.user_variables[name.lower()] = (column.sql_type, value)
        self.row_count = len(listed)
        return Result(affected_rows=len(listed), warnings=self.context.warnings_count, status=self.status)

    # ── writing ──

    def _write(self, work: Callable[[], Result]) -> Result:
        """Run a writing statement and commit it when it stands alone."""
        if self.node.read_only:
            raise error("OPTION_PREVENTS_STATEMENT", "--read-only")
        result = work()
        result.durable = self.transactions.end_statement()
        result.status = self.status
        return result

    def run_of(self, branch: Branch, context: StatementContext, inline: bool) -> writing.Run:
        return writing.Run(
            branch, self.supply, context, self.node.auto_increments, self.explain, self.client.found_rows,
            "NO_AUTO_VALUE_ON_ZERO" in self.variables.values["sql_mode"], inline,
        )

    def _lock(self) -> Branch:
        """The branch to write on, locked; the plan must have been made for the catalog as it is now."""
        branch = self.transactions.for_writing()
        branch.lock()
        if self._scope_catalog is not self.node.catalog:
            raise NoSuchObject("the catalog changed")
        return branch

    def _insert(self, plans: list[tuple[InsertPlan, Any]], inline: bool) -> Result:
        plan = plans[0][0]
        if inline and plan.query is not None:
            raise MustMove
        branch = self._lock()
        context = self.new_context(storing=True)
        if plan.ignore:
            context.strict = False
        for condition, *parts in plan.notes:
            context.warn(condition, *parts)
        tail = plans[0][1][0] if not isinstance(plans[0][1], Iterator) else ()
        counts = writing.insert(self.run_of(branch, context, inline), plans, tail)
        if counts.generated_id:
            self.last_insert_id = counts.generated_id
        if context.insert_id is not None:
            self.last_insert_id = counts.insert_id = context.insert_id
        info = ""
        if counts.records > 1 or plan.query is not None:
            info = f"Records: {counts.records}  Duplicates: {counts.duplicates}  Warnings: {context.warnings_count}"
        return self._counted(counts, info, plan.returning)

    def _change(self, plan: Plan, args: Sequence[Stored], inline: bool) -> Result:
        branch = self._lock()
        context = self.new_context(storing=True)
        run = self.run_of(branch, context, inline)
        if isinstance(plan, (UpdatePlan, RowwiseUpdatePlan)):
            if plan.ignore:
                context.strict = False
            counts = writing.update(run, plan, args) if isinstance(plan, UpdatePlan) else writing.update_rowwise(run, plan, args)
            info = f"Rows matched: {counts.matched}  Changed: {counts.changed}  Warnings: {context.warnings_count}"
            if context.insert_id is not None:
                self.last_insert_id = counts.insert_id = context.insert_id
            return self._counted(counts, info, None)
        if isinstance(plan, DeletePlan):
            return self._counted(writing.delete(run, plan, args), "", plan.returning)
        assert isinstance(plan, RowwiseDeletePlan)
        return self._counted(writing.delete_rowwise(run, plan, args), "", None)

    def _counted(self, counts: writing.Counts, info: str, returning: tuple[ResultColumn, ...] | None) -> Result:
        self.row_count = counts.affected
        warnings = self.context.warnings_count
        if returning is not None:
            self.row_count = -1
            return Result(returning, iter(counts.rows), counts.affected, counts.insert_id, warnings, "", ready=True)
        return Result(None, iter(()), counts.affected, counts.insert_id, warnings, info)

    def explain(self, problem: EngineError, table: Table, row: Sequence[Stored] | None, columns: Sequence[Any]) -> SqlError:
        """MySQL's error for a broken constraint."""
        if isinstance(problem, (NoSuchObject, Overflow)):
            raise problem
        violation = explain_violation(self.catalog, problem.text)
        if violation is None:
            return problem.sql_error()
        values: list[Stored] = []
        if isinstance(problem, UniqueViolation) and violation.index is not None and row is not None:
            by_name = {c.name.lower(): row[i] for i, c in enumerate(columns) if i < len(row)}
            values = [by_name.get(p.column.lower()) for p in violation.index.parts]
        return violation.to_error(values)

    # ── values a statement may ask for ──

    def supply(self, name: str) -> Stored:
        """The value of a SessionValue."""
        if name[0] == "@":
            found = self.user_variables.get(name[1:])
            return found[1] if found is not None else None
        if name.startswith("info:"):
            return self.node.info_rows(name[5:], self)
        return _SUPPLIES[name](self)

    def now(self, *, utc: bool = False) -> str:
        """The statement's start, 'YYYY-MM-DD HH:MM:SS.ffffff'."""
        moment = self.variables.values["timestamp"] or self._now
        stamp = datetime.fromtimestamp(moment, UTC)
        name = str(self.variables.values["time_zone"])
        if not utc and self._zone() != "UTC":
            stamp = stamp.astimezone(zone(name))
        return stamp.strftime("%Y-%m-%d %H:%M:%S.%f")

    def _stopped(self) -> bool:
        return self.watch.stop_reason() is not None

    def _sequence(self, number: int, last: bool) -> int | None:
        if last:
            return self.sequence_last.get(number)
        value = self.node.sequences.take(number)
        self.sequence_last[number] = value
        return value

    def _sequences_ready(self, plan: QueryPlan) -> None:
        """Nothing to do: sequences fetch their values themselves."""

    # ── prepared statements ──

    def prepare(self, text: str) -> PreparedStatement:
        return self.prepared.add(text)

    def execute_prepared(self, statement_id: int, params: Sequence[tuple[SqlType, Stored]], *, inline: bool) -> Result | LocalInfile:
        statement = self.prepared.must_get(statement_id, "mysqld_stmt_execute")
        return self.run_prepared(statement, params, inline=inline)

    def run_prepared(self, statement: PreparedStatement, params: Sequence[tuple[SqlType, Stored]], *, inline: bool) -> Result | LocalInfile:
        """Execute with bound parameters."""
        self._begin(statement.text)
        try:
            self.scope()
            if isinstance(statement.statement, _CACHED):
                types = tuple([sql_type for sql_type, _ in params])
                plan = statement.plans.get((self._scope_key, types))
                if plan is None:
                    plan = self._plan_prepared(statement, types)
                return self._guarded(plan, [value for _, value in params], inline, lambda: self._plan_prepared(statement, types))
            return self._run_statement(statement.statement, params, inline)
        except (MustWait, MustMove):
            raise
        except BaseException as problem:
            raise self._failed(problem) from None

    def _plan_prepared(self, statement: PreparedStatement, types: tuple[SqlType, ...]) -> Plan:
        context = self._bind_context(SlotTypes(types))
        plan = bind_statement(context, statement.statement)
        if not context.volatile:
            statement.keep((self._scope_key, types), plan)
        return plan

    def close_prepared(self, statement_id: int) -> None:
        self.prepared.close(statement_id)

    def run(self, text: str, params: Sequence[tuple[SqlType, Stored]] = ()) -> Result:
        """Run one statement with `?` markers, waiting for locks and for durability: the in-process SDK's way in."""
        statement = self.prepared.anonymous(text)
        while True:
            try:
                result = self.run_prepared(statement, params, inline=False)
            except MustWait as waiting:
                waiting.ticket.wait()
                continue
            break
        if isinstance(result, LocalInfile):
            raise unsupported("LOAD DATA LOCAL in process")
        if result.durable is not None:
            result.durable.wait()
            result.durable = None
        return result

    # ── the rest of the protocol ──

    def use(self, database: str) -> None:
        if self.catalog.database(database) is None and database.lower() not in self.node.system_schemas:
            raise error("BAD_DB", database)
        self.database = database if self.catalog.database(database) is not None else database.lower()
        found = self.catalog.database(database)
        if found is not None:
            self.variables.values["collation_database"] = found.collation
            self.variables.values["character_set_database"] = found.collation.partition("_")[0]
        self.scope_changed()

    def field_list(self, table: str, wild: str) -> tuple[ResultColumn, ...]:
        """COM_FIELD_LIST."""
        query = ast.Select((ast.SelectItem(ast.Star(), None, "*"),), ast.NamedTable(ast.TableName(table)))
        plan = self.bind(ast.QueryStatement(query))
        assert isinstance(plan, QueryPlan)
        if not wild:
            return plan.columns
        from fauna.sql.collation import like

        matches = like("utf8mb4_general_ci", wild)
        return tuple(c for c in plan.columns if matches(c.name))

    def statistics(self) -> str:
        return self.node.statistics()

    def kill(self, connection_id: int, *, query_only: bool) -> None:
        self.node.kill(connection_id, query_only=query_only)

    def reset(self) -> None:
        """COM_RESET_CONNECTION: as just connected, the database kept."""
        self.transactions.rollback()
        self.prepared.clear()
        self.temporaries.clear()
        self.user_variables.clear()
        self.variables = SessionVariables(self.node.variables)
        self.variables.values["pseudo_thread_id"] = self.connection_id
        self.transactions = Transactions(self.node.shard, self.variables, self.watch)
        self.last_insert_id = 0
        self.node.user_locks_release(self.connection_id)
        self.scope_changed()

    def set_option(self, multi_statements: bool) -> None:
        """COM_SET_OPTION: the wire splits statements; nothing to keep here."""

    def variable(self, name: str) -> object:
        return self.variables.get(name)

    def interrupt(self) -> None:
        self.watch.interrupt()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.transactions.rollback()
        definition.drop_temporaries(self)
        self.node.closed(self)

    # ── errors ──

    def _failed(self, problem: BaseException) -> BaseException:
        """What the client is told, after undoing the statement."""
        self.transactions.statement_failed()
        if isinstance(problem, EngineError):
            found = explain_violation(self.catalog, problem.text)
            problem = found.to_error() if found is not None else problem.sql_error()
        self._wide = False
        if isinstance(problem, SqlError):
            self.row_count = -1
            if not self.context.warnings or self.context.warnings[-1].message != problem.message:
                self.context.warn_error(problem, "Error")
        return problem

    def done(self, *, affected: int = 0, info: str = "") -> Result:
        """An OK without rows, for statements that are no plan."""
        self.row_count = affected
        return Result(affected_rows=affected, warnings=self.context.warnings_count, status=self.status, info=info)


_SUPPLIES: dict[str, Callable[[Session], Stored]] = {
    "now": lambda s: s.now(),
    "utc_now": lambda s: s.now(utc=True),
    "on_update_now": lambda s: f"{s.now()}|{s.now(utc=True)}",
    "time_zone": lambda s: s.variables.values["time_zone"],
    "connection_id": lambda s: s.connection_id,
    "user": lambda s: f"{s.user}@{s.host}",
    "current_user": lambda s: s.node.account_name(s.user, s.host),
    "database": lambda s: s.database,
    "version": lambda s: SERVER_VERSION,
    "last_insert_id": lambda s: to_unsigned(s.last_insert_id),
    "row_count": lambda s: s.row_count,
    "found_rows": lambda s: s.found_rows,
    "collation_connection": lambda s: s.variables.values["collation_connection"],
    "lc_time_names": lambda s: s.variables.values["lc_time_names"],
    "default_week_format": lambda s: s.variables.values["default_week_format"],
    "sql_mode": lambda s: s.variables.values["sql_mode"],
    "max_allowed_packet": lambda s: s.variables.values["max_allowed_packet"],
    "block_encryption_mode": lambda s: s.variables.values["block_encryption_mode"],
    "div_precision_increment": lambda s: s.variables.values["div_precision_increment"],
    "timestamp": lambda s: s.variables.values["timestamp"] or s._now,
}

__all__ = ["Session"]
